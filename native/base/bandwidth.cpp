#include "base/bandwidth.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "base/memory.h"
#include "base/thread_pool.h"

namespace moeflow {
namespace {

// All threads together: several times the largest cache (480 MiB on one server), or part of it would be read from
// there.
constexpr size_t kBytes = size_t{2} << 30;
constexpr int kPasses = 4;

// Sums with eight independent chains, so that the loop waits for memory only.
uint64_t read(const uint8_t* data, size_t bytes) {
  const auto* words = reinterpret_cast<const uint64_t*>(data);
  uint64_t sums[8] = {};
  for (size_t i = 0; i < bytes / sizeof(uint64_t); i += 8) {
    __builtin_prefetch(words + i + 512);
    for (size_t k = 0; k < 8; ++k) sums[k] += words[i + k];
  }
  uint64_t total = 0;
  for (const uint64_t sum : sums) total += sum;
  return total;
}

}  // namespace

double measure_read_bandwidth(int threads) {
  ThreadPool pool(threads);
  const size_t bytes_per_thread = kBytes / static_cast<size_t>(threads) / 64 * 64;
  std::vector<AlignedBuffer> buffers;
  for (int t = 0; t < threads; ++t) buffers.emplace_back(bytes_per_thread, "the bandwidth measurement");
  std::vector<uint64_t> sums(static_cast<size_t>(threads));
  pool.parallel(threads,
                [&](int64_t t, int) { std::memset(buffers[static_cast<size_t>(t)].bytes(), 1, bytes_per_thread); });
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    pool.parallel(threads, [&](int64_t t, int) {
      const auto i = static_cast<size_t>(t);
      sums[i] = read(buffers[i].bytes(), bytes_per_thread);
    });
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(bytes_per_thread) * threads / elapsed.count());
  }
  // The sums are used, so that the reads cannot be left out.
  return sums[0] == 0 ? 0.0 : best;
}

}  // namespace moeflow
