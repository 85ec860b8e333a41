// All experts of a model, in memory from the beginning to the end.
#pragma once

#include "base/memory.h"
#include "experts/layout.h"
#include "experts/loading.h"
#include "experts/source.h"

namespace moeflow {

class ResidentExperts final : public ExpertSource {
 public:
  // Brings every expert into memory. `layout` must stay. Throws as read_all does.
  ResidentExperts(const ExpertLayout& layout, const std::vector<gguf::File>& files, ThreadPool& pool,
                  const LoadControl& control, LoadedBytes& bytes);

  // What they take.
  static uint64_t bytes(const ExpertLayout& layout);

  std::span<const int32_t> request(int32_t, std::span<const int32_t> experts, size_t) override { return experts; }
  std::span<const int32_t> next(const std::atomic<bool>*) override { return {}; }
  bool takes_hints() const override { return false; }
  void foresee(int32_t, std::span<const float>, std::span<const float>) override {}
  bool fetch_ahead(int32_t, std::span<const int32_t>, bool) override { return false; }
  bool expect(int32_t, std::span<const int32_t>, bool) override { return false; }
  ExpertWeights weights(ExpertId id) const override;

 private:
  const ExpertLayout& layout_;
  AlignedBuffer arena_;
  std::vector<std::vector<std::array<const uint8_t*, kExpertParts>>> address_;  // [layer][expert][part]
};

}  // namespace moeflow
