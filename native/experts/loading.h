// Reading weights from the model's files into memory, by all threads, with progress and cancellation.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "base/thread_pool.h"
#include "gguf/file.h"

namespace moeflow {

// How a load reports, and how it is stopped. Both are called and read from the loading threads.
struct LoadControl {
  const std::atomic<bool>* cancelled = nullptr;
  // Called from one thread at a time, with rising numbers.
  std::function<void(uint64_t bytes_read, uint64_t bytes_in_all)> progress;

  void check() const;  // throws Error(kCancelled)
};

struct ReadJob {
  uint32_t file = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint8_t* to = nullptr;
};

// How much of a load has been read, counted over all its parts.
struct LoadedBytes {
  std::atomic<uint64_t> read = 0;
  uint64_t in_all = 0;
};

// Carries out all jobs. Throws Error(kIo) naming file and offset, or Error(kCancelled).
void read_all(const std::vector<gguf::File>& files, const std::vector<ReadJob>& jobs, ThreadPool& pool,
              const LoadControl& control, LoadedBytes& bytes);

}  // namespace moeflow
