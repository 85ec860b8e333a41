// Belady's optimum: whose next use is farthest away leaves. It needs to know the future, so it is for simulations only.
#pragma once

#include <limits>

#include "experts/policy/policy.h"

namespace moeflow {

class BeladyPolicy final : public EvictionPolicy {
 public:
  // `requests[i]`: the experts that the i-th request asks for.
  BeladyPolicy(const ExpertGrid& grid, std::span<const std::vector<int32_t>> requests)
      : uses_(static_cast<size_t>(grid.experts())), position_(uses_.size()) {
    for (size_t i = 0; i < requests.size(); ++i) {
      for (const int32_t expert : requests[i]) uses_[static_cast<size_t>(expert)].push_back(static_cast<int64_t>(i));
    }
  }

  void layer_begins(int32_t) override { ++request_; }
  void used(int32_t) override {}
  int32_t choose(std::span<const int32_t> candidates) override {
    return smallest(candidates, [&](int32_t expert) { return -next_use(expert); });
  }

 private:
  int64_t next_use(int32_t expert) {
    const std::vector<int64_t>& uses = uses_[static_cast<size_t>(expert)];
    size_t& position = position_[static_cast<size_t>(expert)];
    while (position < uses.size() && uses[position] <= request_) ++position;
    return position < uses.size() ? uses[position] : std::numeric_limits<int64_t>::max();
  }

  int64_t request_ = -1;
  std::vector<std::vector<int64_t>> uses_;  // [expert] rising
  std::vector<size_t> position_;
};

}  // namespace moeflow
