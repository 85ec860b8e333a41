#include "experts/loading.h"

#include <algorithm>
#include <mutex>

#include "base/error.h"

namespace moeflow {
namespace {
// Small enough to stop quickly and to share among threads, large enough for the device.
constexpr uint64_t kPiece = uint64_t{4} << 20;
}  // namespace

void LoadControl::check() const {
  if (cancelled && cancelled->load(std::memory_order_relaxed)) fail(ErrorCode::kCancelled, "loading was cancelled");
}

void read_all(const std::vector<gguf::File>& files, const std::vector<ReadJob>& jobs, ThreadPool& pool,
              const LoadControl& control, LoadedBytes& bytes) {
  std::vector<ReadJob> pieces;
  for (const ReadJob& job : jobs) {
    for (uint64_t at = 0; at < job.bytes; at += kPiece) {
      pieces.push_back({job.file, job.offset + at, std::min(kPiece, job.bytes - at), job.to + at});
    }
  }
  std::mutex reporting;
  pool.parallel(static_cast<int64_t>(pieces.size()), [&](int64_t i, int) {
    control.check();
    const ReadJob& piece = pieces[static_cast<size_t>(i)];
    files[piece.file].read_at(piece.offset, {reinterpret_cast<std::byte*>(piece.to), piece.bytes});
    // Counted and reported under one lock: progress never goes back.
    const std::lock_guard lock(reporting);
    const uint64_t total = bytes.read.fetch_add(piece.bytes) + piece.bytes;
    if (control.progress) control.progress(total, bytes.in_all);
  });
}

}  // namespace moeflow
