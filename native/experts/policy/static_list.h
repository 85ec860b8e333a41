// A given list of hot experts: they leave last, the least hot of them first. All others go by least recent use.
#pragma once

#include <utility>

#include "experts/policy/keyed.h"
#include "experts/policy/last_use.h"

namespace moeflow {

class StaticListPolicy final : public KeyedPolicy<std::pair<int64_t, uint64_t>> {
 public:
  // `hot`: the hottest first.
  StaticListPolicy(const ExpertGrid& grid, std::span<const int32_t> hot)
      : KeyedPolicy(grid.experts()), last_(grid.experts()), heat_(static_cast<size_t>(grid.experts())) {
    int64_t heat = static_cast<int64_t>(hot.size());
    for (const int32_t expert : hot) heat_[static_cast<size_t>(expert)] = heat--;
  }

  void used(int32_t expert) override {
    last_.used(expert);
    key_changed(expert);
  }

 private:
  std::pair<int64_t, uint64_t> key(int32_t expert) override {
    return {heat_[static_cast<size_t>(expert)], last_.of(expert)};
  }

  LastUse last_;
  std::vector<int64_t> heat_;  // 0: not in the list
};

}  // namespace moeflow
