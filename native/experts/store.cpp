#include "experts/store.h"

namespace moeflow {
namespace {

// Matrices start at cache lines.
constexpr uint64_t kAlignment = 64;
uint64_t aligned(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

Matrix matrix_at(const MatrixRange& range, const uint8_t* data) {
  return {data, range.type, range.rows, range.cols, row_bytes(range.type, static_cast<size_t>(range.cols))};
}

}  // namespace

uint64_t ExpertStore::total_bytes() const {
  uint64_t total = 0;
  for (const auto& layer : layout_) {
    for (const ExpertRanges& expert : layer) {
      for (const MatrixRange& range : expert.part) total += aligned(range.bytes);
    }
  }
  return total;
}

void ExpertStore::load(const std::vector<gguf::File>& files, ThreadPool& pool, const LoadControl& control,
                       LoadedBytes& bytes) {
  arena_ = AlignedBuffer(total_bytes(), "experts");
  uint8_t* at = arena_.bytes();
  std::vector<ReadJob> jobs;
  for (const auto& layer : layout_) {
    auto& addresses = address_.emplace_back();
    for (const ExpertRanges& expert : layer) {
      auto& parts = addresses.emplace_back();
      for (int part = 0; part < kExpertParts; ++part) {
        const MatrixRange& range = expert.part[static_cast<size_t>(part)];
        parts[static_cast<size_t>(part)] = at;
        jobs.push_back({range.file, range.offset, range.bytes, at});
        at += aligned(range.bytes);
      }
    }
  }
  read_all(files, jobs, pool, control, bytes);
}

ExpertWeights ExpertStore::weights(ExpertId id) const {
  const auto& ranges = layout_[static_cast<size_t>(id.layer)][static_cast<size_t>(id.expert)].part;
  const auto& address = address_[static_cast<size_t>(id.layer)][static_cast<size_t>(id.expert)];
  return {matrix_at(ranges[kGate], address[kGate]), matrix_at(ranges[kUp], address[kUp]),
          matrix_at(ranges[kDown], address[kDown])};
}

}  // namespace moeflow
