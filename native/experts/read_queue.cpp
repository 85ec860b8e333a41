#include "experts/read_queue.h"

#include <algorithm>

#include "base/error.h"
#include "experts/read_backend/ring_reads.h"
#include "experts/read_backend/threads.h"

namespace moeflow {
namespace {

void check(const ReadOptions& options) {
  if (options.bytes == 0 || options.bytes > kMostReadBytes || options.bytes % kDirectAlignment != 0) {
    fail(ErrorCode::kInvalidArgument, "the bytes of one read must be a multiple of ", kDirectAlignment, " from ",
         kDirectAlignment, " to ", kMostReadBytes, ", are ", options.bytes);
  }
  if (options.depth < 1 || options.depth > kMostReadDepth) {
    fail(ErrorCode::kInvalidArgument, "reads under way must be from 1 to ", kMostReadDepth, ", are ", options.depth);
  }
}

std::unique_ptr<ReadBackend> make_backend(ReadPieces& pieces, const std::vector<DirectFile>& files,
                                          const ReadOptions& options) {
  if (options.method == ReadMethod::kIoUring) {
    if (auto ring = RingReads::open(pieces, files, options.depth)) return ring;
    fail(ErrorCode::kUnsupported,
         "io_uring is not to be had: it needs Linux 5.6, and containers often forbid it; read by threads instead");
  }
  const auto read = [&files](const ReadRange& range) {
    files[range.file].read({range.offset, range.bytes, range.needed, range.to});
  };
  return std::make_unique<ReadThreads>(pieces, options.depth, read);
}

}  // namespace

ReadMethod read_method(const std::string& name) {
  if (name == "auto") return ReadMethod::kAuto;
  if (name == "io_uring") return ReadMethod::kIoUring;
  if (name == "threads") return ReadMethod::kThreads;
  fail(ErrorCode::kInvalidArgument, "the way of reading must be auto, io_uring or threads, is ", name);
}

std::string available_read_methods() { return Ring::open(1) ? "threads, io_uring" : "threads"; }

ReadQueue::ReadQueue(const std::vector<std::string>& paths, const ReadOptions& options) : piece_bytes_(options.bytes) {
  check(options);
  ReadPieces& pieces = *this;
  if (!options.before_read) {
    for (const std::string& path : paths) files_.emplace_back(path);
    backend_ = make_backend(pieces, files_, options);
    return;
  }
  // Threads of their own call it and wait for the piece: what one call holds up holds up nothing else.
  ReadOptions inner = options;
  inner.before_read = nullptr;
  inner_ = std::make_unique<ReadQueue>(paths, inner);
  const auto read = [this, before = options.before_read](const ReadRange& range) {
    before(range.file, range.offset);
    read_through_inner(range);
  };
  backend_ = std::make_unique<ReadThreads>(pieces, options.depth, read);
}

ReadQueue::~ReadQueue() {
  {
    const std::lock_guard lock(mutex_);
    demands_.clear();
    prefetches_.clear();
  }
  backend_ = nullptr;
}

const char* ReadQueue::backend() const { return inner_ ? inner_->backend() : backend_->name(); }

void ReadQueue::read_through_inner(const ReadRange& range) {
  BackgroundRead read;
  inner_->submit(read, {&range, 1}, ReadPriority::kDemand);
  const auto is_over = [&] { return read.state() != BackgroundRead::State::kReading; };
  while (!inner_->wait(std::chrono::seconds(1), is_over)) {
  }
  if (read.state() == BackgroundRead::State::kFailed) fail(ErrorCode::kIo, read.error());
}

void ReadQueue::submit(BackgroundRead& read, std::span<const ReadRange> ranges, ReadPriority priority) {
  {
    const std::lock_guard lock(mutex_);
    std::deque<ReadPiece>& pieces = priority == ReadPriority::kDemand ? demands_ : prefetches_;
    read.state_ = BackgroundRead::State::kReading;
    read.error_.clear();
    read.open_pieces_ = 0;
    read.begun_ = false;
    read.bytes_ = 0;
    for (const ReadRange& range : ranges) {
      for (uint64_t at = 0; at < range.bytes; at += piece_bytes_) {
        const uint64_t bytes = std::min(piece_bytes_, range.bytes - at);
        const uint64_t needed = range.needed > at ? std::min(bytes, range.needed - at) : 0;
        pieces.push_back({&read, {range.file, range.offset + at, bytes, needed, range.to + at}});
        ++read.open_pieces_;
      }
    }
  }
  backend_->wake();
}

void ReadQueue::promote(const BackgroundRead& read) {
  const std::lock_guard lock(mutex_);
  std::erase_if(prefetches_, [&](const ReadPiece& piece) {
    const bool promoted = piece.read == &read;
    if (promoted) demands_.push_back(piece);
    return promoted;
  });
}

bool ReadQueue::cancel(BackgroundRead& read) {
  const std::lock_guard lock(mutex_);
  const auto removed =
      static_cast<int>(std::erase_if(prefetches_, [&](const ReadPiece& piece) { return piece.read == &read; }));
  if (removed == 0) return false;
  read.error_ = "given up";
  read.open_pieces_ -= removed;
  read.begun_ = read.begun_ || read.open_pieces_ > 0;
  if (read.open_pieces_ == 0) read.state_ = BackgroundRead::State::kFailed;
  return !read.begun_;
}

bool ReadQueue::take(ReadPiece& piece) {
  const std::lock_guard lock(mutex_);
  std::deque<ReadPiece>& pieces = demands_.empty() ? prefetches_ : demands_;
  if (pieces.empty()) return false;
  piece = pieces.front();
  pieces.pop_front();
  piece.read->begun_ = true;
  return true;
}

void ReadQueue::finish(const ReadPiece& piece, const std::string& error) {
  const std::lock_guard lock(mutex_);
  BackgroundRead& read = *piece.read;
  if (error.empty()) read.bytes_ += piece.range.bytes;
  if (!error.empty() && read.error_.empty()) read.error_ = error;
  if (--read.open_pieces_ > 0) return;
  read.state_ = read.error_.empty() ? BackgroundRead::State::kDone : BackgroundRead::State::kFailed;
  finished_.notify_all();
}

}  // namespace moeflow
