#include "experts/read_backend/ring_reads.h"

#ifdef __linux__

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <exception>
#include <system_error>

#include "base/error.h"

namespace moeflow {
namespace {

constexpr uint64_t kBell = ~uint64_t{0};  // a tag; the others are indices of requests
// How long to wait where the kernel does not let us sleep until there is something to do.
constexpr std::chrono::milliseconds kPatience{1};

}  // namespace

RingReads::RingReads(ReadPieces& pieces, const std::vector<DirectFile>& files, int depth)
    : pieces_(pieces), files_(files), requests_(static_cast<size_t>(depth)) {
  for (size_t i = requests_.size(); i-- > 0;) free_.push_back(i);
}

std::unique_ptr<RingReads> RingReads::open(ReadPieces& pieces, const std::vector<DirectFile>& files, int depth) {
  std::unique_ptr<RingReads> reads(new RingReads(pieces, files, depth));
  if (!reads->start()) return nullptr;
  return reads;
}

bool RingReads::start() {
  bell_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (bell_ < 0) return false;
  ring_ = Ring::open(static_cast<unsigned>(requests_.size()) + 1);
  if (!ring_) return false;
  try {
    thread_ = std::thread([this] { work(); });
  } catch (const std::system_error& error) {
    fail(ErrorCode::kOutOfMemory, "cannot start a thread that reads: ", error.what());
  }
  return true;
}

RingReads::~RingReads() {
  stop_ = true;
  if (thread_.joinable()) {
    ring_bell();
    thread_.join();
  }
  ring_ = nullptr;
  if (bell_ >= 0) ::close(bell_);
}

void RingReads::wake() {
  if (wants_bell_.exchange(false)) ring_bell();
}

void RingReads::ring_bell() const {
  const uint64_t one = 1;
  // Refused only when it rings already.
  while (::write(bell_, &one, sizeof(one)) < 0 && errno == EINTR) {
  }
}

void RingReads::work() {
  for (;;) {
    take_pieces();
    if (stop_ && free_.size() == requests_.size()) return;
    sleep();
    take_completions();
  }
}

void RingReads::take_pieces() {
  // Before it looks for the last time: who adds a piece after that finds it set.
  wants_bell_ = !free_.empty();
  ReadPiece piece;
  while (!free_.empty() && pieces_.take(piece)) {
    const size_t index = free_.back();
    free_.pop_back();
    const ReadRange& range = piece.range;
    requests_[index] = {piece, {range.offset, range.bytes, range.needed, range.to}};
    go_on(index);
  }
  if (free_.empty()) wants_bell_ = false;  // it looks again anyway when a place is free
}

void RingReads::go_on(size_t index) {
  const Request& request = requests_[index];
  if (request.rest.needed == 0) {
    arrived(index, 0);
  } else {
    ring_->read(files_[request.piece.range.file].file(), request.rest, index);
  }
}

void RingReads::sleep() {
  if (!bell_watched_) {
    ring_->wait_readable(bell_, kBell);
    bell_watched_ = true;
  }
  const int error = ring_->enter();
  wants_bell_ = false;
  if (error == 0 || error == EINTR) return;
  // Short of memory, say. What the kernel did not take is read in the ordinary way; what it took goes on.
  for (const uint64_t tag : ring_->take_back()) {
    if (tag == kBell) {
      bell_watched_ = false;
    } else {
      read_otherwise(tag);
    }
  }
  std::this_thread::sleep_for(kPatience);
}

void RingReads::take_completions() {
  Ring::Completion completion;
  while (ring_->next(completion)) {
    if (completion.tag == kBell) {
      uint64_t rung = 0;
      bell_watched_ = false;
      while (::read(bell_, &rung, sizeof(rung)) < 0 && errno == EINTR) {
      }
    } else {
      arrived(completion.tag, completion.result);
    }
  }
}

void RingReads::arrived(size_t index, int32_t result) {
  Request& request = requests_[index];
  const DirectFile& file = files_[request.piece.range.file];
  // The kernel would have to wait, and cannot do that for us here.
  if (result == -EAGAIN) return read_otherwise(index);
  std::string error;
  try {
    if (result < 0 && result != -EINTR) file.file().fail_read(request.rest.offset, -result);
    if (result >= 0 && request.rest.needed > 0) file.advance(request.rest, static_cast<uint64_t>(result));
    if (request.rest.needed > 0) return go_on(index);
    file.file().check_unchanged(request.piece.range.offset);
  } catch (const std::exception& problem) {
    error = problem.what();
  }
  finish(index, error);
}

void RingReads::read_otherwise(size_t index) {
  const Request& request = requests_[index];
  std::string error;
  try {
    files_[request.piece.range.file].read(request.rest);
  } catch (const std::exception& problem) {
    error = problem.what();
  }
  finish(index, error);
}

void RingReads::finish(size_t index, const std::string& error) {
  pieces_.finish(requests_[index].piece, error);
  free_.push_back(index);
}

}  // namespace moeflow

#else

namespace moeflow {

std::unique_ptr<RingReads> RingReads::open(ReadPieces&, const std::vector<DirectFile>&, int) { return nullptr; }
RingReads::~RingReads() = default;
void RingReads::wake() {}

}  // namespace moeflow

#endif
