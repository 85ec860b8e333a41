#include "experts/read_queue.h"

#include <algorithm>
#include <system_error>

#include "base/error.h"

namespace moeflow {
namespace {

// Large enough for a device's full speed with a few of them under way, small enough to keep several threads busy with
// one expert.
constexpr uint64_t kPiece = uint64_t{1} << 20;

}  // namespace

ReadQueue::ReadQueue(const std::vector<std::string>& paths, int threads, BeforeRead before_read)
    : before_read_(std::move(before_read)) {
  for (const std::string& path : paths) files_.emplace_back(path);
  try {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    stop();
    fail(ErrorCode::kOutOfMemory, "cannot start ", threads, " threads that read: ", error.what());
  }
}

ReadQueue::~ReadQueue() { stop(); }

void ReadQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  submitted_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ReadQueue::submit(BackgroundRead& read, std::span<const ReadRange> ranges, ReadPriority priority) {
  {
    const std::lock_guard lock(mutex_);
    std::deque<Piece>& pieces = priority == ReadPriority::kDemand ? demands_ : prefetches_;
    read.state_ = BackgroundRead::State::kReading;
    read.error_.clear();
    read.open_pieces_ = 0;
    read.begun_ = false;
    for (const ReadRange& range : ranges) {
      for (uint64_t at = 0; at < range.bytes; at += kPiece) {
        const uint64_t bytes = std::min(kPiece, range.bytes - at);
        const uint64_t needed = range.needed > at ? std::min(bytes, range.needed - at) : 0;
        pieces.push_back({&read, {range.file, range.offset + at, bytes, needed, range.to + at}});
        ++read.open_pieces_;
      }
    }
  }
  submitted_.notify_all();
}

void ReadQueue::promote(const BackgroundRead& read) {
  const std::lock_guard lock(mutex_);
  std::erase_if(prefetches_, [&](const Piece& piece) {
    const bool promoted = piece.read == &read;
    if (promoted) demands_.push_back(piece);
    return promoted;
  });
}

bool ReadQueue::cancel(BackgroundRead& read) {
  const std::lock_guard lock(mutex_);
  const auto removed = static_cast<int>(std::erase_if(prefetches_, [&](const Piece& p) { return p.read == &read; }));
  if (removed == 0) return false;
  read.error_ = "given up";
  read.open_pieces_ -= removed;
  read.begun_ = read.begun_ || read.open_pieces_ > 0;
  if (read.open_pieces_ == 0) read.state_ = BackgroundRead::State::kFailed;
  return !read.begun_;
}

void ReadQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    submitted_.wait(lock, [&] { return stop_ || !demands_.empty() || !prefetches_.empty(); });
    if (stop_) return;
    std::deque<Piece>& pieces = demands_.empty() ? prefetches_ : demands_;
    const Piece piece = pieces.front();
    pieces.pop_front();
    piece.read->begun_ = true;
    lock.unlock();
    std::string error;
    try {
      if (before_read_) before_read_(piece.range.file, piece.range.offset);
      files_[piece.range.file].read({piece.range.offset, piece.range.bytes, piece.range.needed, piece.range.to});
    } catch (const std::exception& problem) {
      error = problem.what();
    }
    lock.lock();
    if (!error.empty() && piece.read->error_.empty()) piece.read->error_ = error;
    if (--piece.read->open_pieces_ > 0) continue;
    piece.read->state_ = piece.read->error_.empty() ? BackgroundRead::State::kDone : BackgroundRead::State::kFailed;
    finished_.notify_all();
  }
}

}  // namespace moeflow
