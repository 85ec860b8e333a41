// Reads in the background: many pieces under way at once, one who waits.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "experts/direct_file.h"
#include "experts/read_backend/backend.h"

namespace moeflow {

// Bytes on their way that are of use only together. Owned by who submits it, and left alone by him until it is
// finished.
class BackgroundRead {
 public:
  enum class State { kIdle, kReading, kDone, kFailed };

  State state() const { return state_; }
  const std::string& error() const { return error_; }  // once failed
  uint64_t bytes() const { return bytes_; }            // that came, also if others did not

 private:
  friend class ReadQueue;
  friend class CopyStore;
  State state_ = State::kIdle;  // all guarded by the mutex of who carries it out
  int open_pieces_ = 0;
  bool begun_ = false;
  uint64_t bytes_ = 0;
  std::string error_;
};

// What somebody waits for goes before what may be of use later.
enum class ReadPriority { kDemand, kPrefetch };

// kAuto: threads, which were faster where both were measured (docs/decisions/0006-reading.md).
enum class ReadMethod { kAuto, kIoUring, kThreads };

// As in "auto", "io_uring" or "threads". Throws Error(kInvalidArgument) for another name.
ReadMethod read_method(const std::string& name);
// The names of those that work here, the one that kAuto takes first: "threads, io_uring".
std::string available_read_methods();

// For tests: called before every piece, by a thread that reads no other meanwhile; it may take its time or throw.
using BeforeRead = std::function<void(uint32_t file, uint64_t offset)>;

struct ReadOptions {
  ReadMethod method = ReadMethod::kAuto;
  uint64_t bytes = uint64_t{1} << 20;  // of a piece, at most
  int depth = 8;                       // pieces under way, at most
  BeforeRead before_read;
};

inline constexpr uint64_t kMostReadBytes = uint64_t{64} << 20;
inline constexpr int kMostReadDepth = 256;

class ReadQueue final : private ReadPieces {
 public:
  // Throws Error(kIo) for a file that cannot be opened, Error(kInvalidArgument) for options out of range,
  // Error(kUnsupported) for a method that does not work here, Error(kOutOfMemory) when threads cannot be started.
  ReadQueue(const std::vector<std::string>& paths, const ReadOptions& options);
  // Waits for pieces under way; drops the others.
  ~ReadQueue();
  ReadQueue(const ReadQueue&) = delete;
  ReadQueue& operator=(const ReadQueue&) = delete;

  // How it reads: "io_uring" or "threads".
  const char* backend() const;

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
  bool take(ReadPiece& piece) override;
  void finish(const ReadPiece& piece, const std::string& error) override;
  void read_through_inner(const ReadRange& range);

  uint64_t piece_bytes_;
  std::vector<DirectFile> files_;
  std::mutex mutex_;
  std::condition_variable finished_;
  std::deque<ReadPiece> demands_;
  std::deque<ReadPiece> prefetches_;
  std::unique_ptr<ReadQueue> inner_;      // that reads, where there is something to call before
  std::unique_ptr<ReadBackend> backend_;  // last, so first to go: it takes from all the others
};

}  // namespace moeflow
