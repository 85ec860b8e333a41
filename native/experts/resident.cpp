#include "experts/resident.h"

namespace moeflow {
namespace {

// Matrices start at cache lines.
constexpr uint64_t kAlignment = 64;
uint64_t aligned(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

uint64_t ResidentExperts::bytes(const ExpertLayout& layout) {
  uint64_t total = 0;
  for (const auto& layer : layout) {
    for (const ExpertRanges& expert : layer) {
      for (const MatrixRange& range : expert.part) total += aligned(range.bytes);
    }
  }
  return total;
}

ResidentExperts::ResidentExperts(const ExpertLayout& layout, const std::vector<gguf::File>& files, ThreadPool& pool,
                                 const LoadControl& control, LoadedBytes& bytes)
    : layout_(layout), arena_(ResidentExperts::bytes(layout), "experts") {
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

ExpertWeights ResidentExperts::weights(ExpertId id) const {
  return matrices_at(layout_[static_cast<size_t>(id.layer)][static_cast<size_t>(id.expert)],
                     address_[static_cast<size_t>(id.layer)][static_cast<size_t>(id.expert)]);
}

}  // namespace moeflow
