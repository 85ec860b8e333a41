#include "base/thread_pool.h"

#include <limits>
#include <system_error>
#include <utility>

#include "base/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace moeflow {
namespace {

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// About 50 microseconds of pauses: longer than the serial work between two regions of a step.
constexpr int kSpins = 2000;
// A thread that waited this long for a task is waiting for one that lost its processor: let it have this one.
constexpr int kSpinsBeforeYield = 20000;

uint64_t pack(int64_t begin, int64_t end) { return static_cast<uint64_t>(begin) | (static_cast<uint64_t>(end) << 32); }
int64_t first_of(uint64_t range) { return static_cast<int64_t>(range & 0xFFFFFFFFU); }
int64_t end_of(uint64_t range) { return static_cast<int64_t>(range >> 32); }

}  // namespace

ThreadPool::ThreadPool(int threads) : ranges_(static_cast<size_t>(threads)) {
  try {
    for (int thread = 1; thread < threads; ++thread) workers_.emplace_back([this, thread] { work(thread); });
  } catch (const std::system_error& error) {
    stop();
    fail(ErrorCode::kOutOfMemory, "cannot start ", threads, " threads: ", error.what(), "; ask for fewer");
  }
}

void ThreadPool::stop() {
  stop_ = true;
  region_.fetch_add(1);
  region_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void ThreadPool::run(int64_t count, Invoke invoke, void* context) {
  MOEFLOW_CHECK(count <= std::numeric_limits<uint32_t>::max());
  invoke_ = invoke;
  context_ = context;
  failed_.store(false, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  const auto shares = static_cast<int64_t>(ranges_.size());
  for (int64_t t = 0; t < shares; ++t) {
    ranges_[static_cast<size_t>(t)].untaken.store(pack(count * t / shares, count * (t + 1) / shares),
                                                  std::memory_order_release);
  }
  const uint32_t region = region_.load(std::memory_order_relaxed) + 1;
  // Sequentially consistent with the worker's parked_ + wait: either it sees the new region or we see it parked.
  region_.store(region, std::memory_order_seq_cst);
  if (parked_.load(std::memory_order_seq_cst) > 0) region_.notify_all();
  take_tasks(0);
  for (int spins = 0; done_.load(std::memory_order_acquire) != count; ++spins) {
    if (spins < kSpinsBeforeYield) {
      relax();
    } else {
      std::this_thread::yield();
    }
  }
  if (failed_.load(std::memory_order_relaxed)) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void ThreadPool::take_tasks(int thread) {
  const auto own = static_cast<size_t>(thread);
  int64_t taken = take_from(ranges_[own], true, thread);
  for (size_t i = 1; i < ranges_.size(); ++i) taken += take_from(ranges_[(own + i) % ranges_.size()], false, thread);
  // All at once: a counter that every task raised would travel between the processors all the time.
  if (taken > 0) done_.fetch_add(taken, std::memory_order_acq_rel);
}

int64_t ThreadPool::take_from(Range& range, bool front, int thread) {
  int64_t taken = 0;
  uint64_t seen = range.untaken.load(std::memory_order_acquire);
  for (;;) {
    const int64_t begin = first_of(seen);
    const int64_t end = end_of(seen);
    if (begin == end) return taken;
    const uint64_t left = front ? pack(begin + 1, end) : pack(begin, end - 1);
    if (!range.untaken.compare_exchange_weak(seen, left, std::memory_order_acq_rel, std::memory_order_acquire))
      continue;
    run_task(front ? begin : end - 1, thread, front && begin + 1 < end ? begin + 1 : -1);
    ++taken;
    seen = range.untaken.load(std::memory_order_acquire);
  }
}

// After a failure the rest of the region is taken but not run.
void ThreadPool::run_task(int64_t index, int thread, int64_t next) {
  if (failed_.load(std::memory_order_relaxed)) return;
  try {
    invoke_(context_, index, thread, next);
  } catch (...) {
    const std::lock_guard lock(failure_mutex_);
    if (!failure_) failure_ = std::current_exception();
    failed_.store(true, std::memory_order_relaxed);
  }
}

void ThreadPool::work(int thread) {
  for (uint32_t seen = 0;;) {
    for (int spins = 0; region_.load(std::memory_order_acquire) == seen && spins < kSpins; ++spins) relax();
    if (region_.load(std::memory_order_acquire) == seen) {
      parked_.fetch_add(1, std::memory_order_seq_cst);
      region_.wait(seen, std::memory_order_seq_cst);
      parked_.fetch_sub(1, std::memory_order_relaxed);
    }
    seen = region_.load(std::memory_order_acquire);
    if (stop_.load()) return;
    take_tasks(thread);
  }
}

}  // namespace moeflow
