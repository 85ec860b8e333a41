// Least frequently and recently used: the number of all uses, divided by how long ago the last one was.
#pragma once

#include "experts/policy/last_use.h"
#include "experts/policy/policy.h"

namespace moeflow {

class LfruPolicy final : public EvictionPolicy {
 public:
  explicit LfruPolicy(const ExpertGrid& grid) : last_(grid.experts()), uses_(static_cast<size_t>(grid.experts())) {}

  void used(int32_t expert) override {
    last_.used(expert);
    ++uses_[static_cast<size_t>(expert)];
  }
  int32_t choose(std::span<const int32_t> candidates) override {
    return smallest(candidates, [&](int32_t expert) {
      return static_cast<double>(uses_[static_cast<size_t>(expert)]) /
             static_cast<double>(last_.now() - last_.of(expert) + 1);
    });
  }

 private:
  LastUse last_;
  std::vector<uint64_t> uses_;
};

}  // namespace moeflow
