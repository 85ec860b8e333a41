// The experts of a model. This first store holds all of them in memory; whoever asks for one gets matrices and cannot
// tell.
#pragma once

#include "base/memory.h"
#include "experts/layout.h"
#include "experts/loading.h"

namespace moeflow {

class ExpertStore {
 public:
  explicit ExpertStore(ExpertLayout layout) : layout_(std::move(layout)) {}

  uint64_t total_bytes() const;
  const ExpertLayout& layout() const { return layout_; }

  // Brings every expert into memory. Throws as read_all does.
  void load(const std::vector<gguf::File>& files, ThreadPool& pool, const LoadControl& control, LoadedBytes& bytes);

  // The expert's matrices, valid as long as the store. Only after load().
  ExpertWeights weights(ExpertId id) const;

 private:
  ExpertLayout layout_;
  AlignedBuffer arena_;
  std::vector<std::vector<std::array<const uint8_t*, kExpertParts>>> address_;  // [layer][expert][part]
};

}  // namespace moeflow
