// An expert is stale by the number of times that its layer has been run without using it; the most stale leaves. Of
// equals, the one whose layer comes again the latest: layers run in a fixed order. After Hoang et al. 2026, "SpecMD"
// (arXiv 2602.03921), whose policy of this name also prefers what was used in an older pass and goes by layers.
#pragma once

#include "experts/policy/policy.h"

namespace moeflow {

class LeastStalePolicy final : public EvictionPolicy {
 public:
  explicit LeastStalePolicy(const ExpertGrid& grid)
      : grid_(grid),
        runs_(static_cast<size_t>(grid.layers)),
        used_in_run_(static_cast<size_t>(grid.experts())),
        layer_of_(layers_of_experts(grid)) {}

  void layer_begins(int32_t layer) override {
    layer_ = layer;
    ++runs_[static_cast<size_t>(layer)];
  }
  void used(int32_t expert) override { used_in_run_[static_cast<size_t>(expert)] = runs_of_layer(expert); }
  int32_t choose(std::span<const int32_t> candidates) override {
    return smallest(candidates, [&](int32_t expert) {
      const int64_t staleness = runs_of_layer(expert) - used_in_run_[static_cast<size_t>(expert)];
      // Staleness first: there are never so many requests until the next one of a layer.
      return -(staleness * (grid_.routed_layers + 1) +
               grid_.requests_until(layer_of_[static_cast<size_t>(expert)], layer_));
    });
  }

 private:
  int64_t runs_of_layer(int32_t expert) const {
    return runs_[static_cast<size_t>(layer_of_[static_cast<size_t>(expert)])];
  }

  ExpertGrid grid_;
  int32_t layer_ = 0;
  std::vector<int64_t> runs_;         // [layer]
  std::vector<int64_t> used_in_run_;  // [expert] of its layer
  std::vector<int32_t> layer_of_;     // [expert]
};

}  // namespace moeflow
