// Reads in the background: several threads, many pieces under way at once, one who waits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "experts/direct_file.h"

namespace moeflow {

// Bytes of one file that belong together. Aligned as DirectFile wants it.
struct ReadRange {
  uint32_t file = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t needed = 0;
  uint8_t* to = nullptr;
};

// Some ranges that are of use only together. Owned by who submits it, and left alone by him until it is finished.
class BackgroundRead {
 public:
  enum class State { kIdle, kReading, kDone, kFailed };

  State state() const { return state_; }
  const std::string& error() const { return error_; }  // once failed

 private:
  friend class ReadQueue;
  State state_ = State::kIdle;  // all guarded by the queue's mutex
  int open_pieces_ = 0;
  bool begun_ = false;
  std::string error_;
};

// What somebody waits for goes before what may be of use later.
enum class ReadPriority { kDemand, kPrefetch };

class ReadQueue {
 public:
  // `before_read(file, offset)` is for tests: called in the reading thread before every piece, it may take its time or
  // throw.
  using BeforeRead = std::function<void(uint32_t file, uint64_t offset)>;

  // Throws Error(kIo) for a file that cannot be opened, Error(kOutOfMemory) when the threads cannot be started.
  ReadQueue(const std::vector<std::string>& paths, int threads, BeforeRead before_read);
  // Waits for pieces under way; drops the others.
  ~ReadQueue();
  ReadQueue(const ReadQueue&) = delete;
  ReadQueue& operator=(const ReadQueue&) = delete;

  void submit(BackgroundRead& read, std::span<const ReadRange> ranges, ReadPriority priority);
  // Makes a prefetch a demand, if it is not finished.
  void promote(const BackgroundRead& read);
  // Gives up a prefetch as far as it has not begun. True if nothing of it had: then it is finished now, as failed.
  // Otherwise what has begun goes on, and it fails if a part is missing.
  bool cancel(BackgroundRead& read);

  // Calls look() with the states of all jobs held still, again after every job that finishes, until it returns true or
  // the time is over. Returns what it returned last.
  template <typename Look>
  bool wait(std::chrono::milliseconds most, Look&& look) {
    std::unique_lock lock(mutex_);
    return finished_.wait_for(lock, most, look);
  }

 private:
  struct Piece {
    BackgroundRead* read;
    ReadRange range;
  };

  void stop();
  void work();

  std::vector<DirectFile> files_;
  BeforeRead before_read_;
  std::mutex mutex_;
  std::condition_variable submitted_;
  std::condition_variable finished_;
  std::deque<Piece> demands_;
  std::deque<Piece> prefetches_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace moeflow
