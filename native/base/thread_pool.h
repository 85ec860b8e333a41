// Fork-join worker threads for the step of one engine. The caller is worker 0. Between two parallel regions the workers
// spin for a short while, because the next region follows within microseconds; then they park in the kernel.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace moeflow {

class ThreadPool {
 public:
  // Throws Error(kOutOfMemory) when the threads cannot be started.
  explicit ThreadPool(int threads);
  ~ThreadPool() { stop(); }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls task(index, thread) or task(index, thread, next) once for every index in [0, count), spread over the threads,
  // and returns when all are done. Each thread starts with a range of its own and goes through it in order, then helps
  // the others. `next` is the index that the thread will take after this one unless another is faster, or -1 if there
  // is none: a hint, to fetch data ahead. Which thread takes which index is not defined, so a result must not depend on
  // it. The first exception that a task throws is thrown here. Allocates nothing. Not re-entrant.
  template <typename Task>
  void parallel(int64_t count, Task&& task) {
    if (count <= 0) return;
    if (count == 1 || workers_.empty()) {
      for (int64_t i = 0; i < count; ++i) call(task, i, 0, i + 1 < count ? i + 1 : -1);
      return;
    }
    using Callable = std::remove_reference_t<Task>;
    run(
        count,
        [](void* context, int64_t index, int thread, int64_t next) {
          call(*static_cast<Callable*>(context), index, thread, next);
        },
        const_cast<void*>(static_cast<const void*>(&task)));
  }

 private:
  using Invoke = void (*)(void* context, int64_t index, int thread, int64_t next);

  // Tasks that nobody has taken yet: the first in the lower half, the end in the upper half. The owner takes them from
  // the front, others from the back.
  struct alignas(64) Range {
    std::atomic<uint64_t> untaken{0};
  };

  template <typename Task>
  static void call(Task& task, int64_t index, int thread, int64_t next) {
    if constexpr (std::is_invocable_v<Task&, int64_t, int, int64_t>) {
      task(index, thread, next);
    } else {
      task(index, thread);
    }
  }

  void run(int64_t count, Invoke invoke, void* context);
  void stop();
  void work(int thread);
  void take_tasks(int thread);
  int64_t take_from(Range& range, bool front, int thread);  // returns how many
  void run_task(int64_t index, int thread, int64_t next);

  std::vector<std::thread> workers_;
  // The region under way. Read only by a thread that holds one of its tasks: the region cannot end before that.
  Invoke invoke_ = nullptr;
  void* context_ = nullptr;
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
  std::atomic<bool> failed_{false};
  // One per thread. A region waits for its tasks, not for its threads: one that the system does not run costs nothing.
  // A thread that was away while regions came and went may take a task of a later one, which is as good as any: between
  // regions all ranges are empty, so what it takes belongs to the region under way.
  std::vector<Range> ranges_;
  alignas(64) std::atomic<int64_t> done_{0};
  alignas(64) std::atomic<uint32_t> region_{0};
  alignas(64) std::atomic<int> parked_{0};
  std::atomic<bool> stop_{false};
};

}  // namespace moeflow
