#include "experts/measure_reads.h"

#include <chrono>
#include <cmath>
#include <random>

#include "base/error.h"
#include "base/memory.h"

namespace moeflow {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kMostMemory = uint64_t{256} << 20;
constexpr std::chrono::milliseconds kPatience{10};
// The golden ratio: its multiples, less what is before the point, never come close to each other.
constexpr double kStride = 0.6180339887498949;

double first_place() {
  std::random_device random;
  return std::uniform_real_distribution<double>(0, 1)(random);
}

// One reader of many: a piece of memory, and what is on its way into it.
struct Reader {
  uint8_t* memory = nullptr;
  bool idle = true;
  BackgroundRead read;
};

class Measurement {
 public:
  Measurement(const std::string& path, const ReadOptions& options)
      : file_bytes_(SystemFile(path, FileAccess::kCached).bytes()), piece_(options.bytes), queue_({path}, options) {
    if (file_bytes_ < piece_) {
      fail(ErrorCode::kInvalidArgument, path, " has ", file_bytes_, " bytes, fewer than the ", piece_,
           " of one read: measure with smaller reads, or with a larger file");
    }
    const auto depth = static_cast<size_t>(options.depth);
    if (checked_multiply(piece_, depth, "reads") > kMostMemory) {
      fail(ErrorCode::kInvalidArgument, depth, " reads of ", piece_, " bytes take more than ", kMostMemory,
           " bytes: measure with fewer or smaller ones");
    }
    memory_ = AlignedBuffer(piece_ * depth, "measured reads");
    readers_ = std::vector<Reader>(depth);
    for (size_t i = 0; i < depth; ++i) readers_[i].memory = memory_.bytes() + i * piece_;
  }

  ReadSpeed run(double seconds, const std::atomic<bool>& cancelled) {
    const auto start = Clock::now();
    const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
    for (Reader& reader : readers_) submit(reader);
    while (elapsed() < seconds) {
      if (cancelled.load(std::memory_order_relaxed)) fail(ErrorCode::kCancelled, "measuring reads was cancelled");
      take_over();
      for (Reader& reader : readers_) {
        if (reader.idle) submit(reader);
      }
    }
    while (under_way_ > 0) take_over();
    return {static_cast<double>(done_ * piece_) / elapsed(), queue_.backend()};
  }

 private:
  using State = BackgroundRead::State;

  void submit(Reader& reader) {
    place_ = std::fmod(place_ + kStride, 1.0);
    const uint64_t offset = align_down(static_cast<uint64_t>(place_ * static_cast<double>(file_bytes_ - piece_)));
    const ReadRange range = {0, offset, piece_, piece_, reader.memory};
    queue_.submit(reader.read, {&range, 1}, ReadPriority::kDemand);
    reader.idle = false;
    ++under_way_;
  }

  // Waits for a read, and notes all that have finished.
  void take_over() {
    std::string error;
    queue_.wait(kPatience, [&] {
      bool any = false;
      for (Reader& reader : readers_) {
        if (reader.idle || reader.read.state() == State::kReading) continue;
        if (reader.read.state() == State::kFailed) error = reader.read.error();
        reader.idle = true;
        --under_way_;
        ++done_;
        any = true;
      }
      return any;
    });
    if (!error.empty()) fail(ErrorCode::kIo, error);
  }

  uint64_t file_bytes_;
  uint64_t piece_;
  AlignedBuffer memory_;
  std::vector<Reader> readers_;
  uint64_t under_way_ = 0;
  uint64_t done_ = 0;
  double place_ = first_place();
  ReadQueue queue_;  // last, so first to go: reads under way write into the memory
};

}  // namespace

ReadSpeed measure_reads(const std::string& path, const ReadOptions& options, double seconds,
                        const std::atomic<bool>& cancelled) {
  return Measurement(path, options).run(seconds, cancelled);
}

}  // namespace moeflow
