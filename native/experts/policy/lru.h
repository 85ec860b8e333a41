// Least recently used.
#pragma once

#include "experts/policy/last_use.h"
#include "experts/policy/policy.h"

namespace moeflow {

class LruPolicy final : public EvictionPolicy {
 public:
  explicit LruPolicy(const ExpertGrid& grid) : last_(grid.experts()) {}

  void used(int32_t expert) override { last_.used(expert); }
  int32_t choose(std::span<const int32_t> candidates) override {
    return smallest(candidates, [&](int32_t expert) { return last_.of(expert); });
  }

 private:
  LastUse last_;
};

}  // namespace moeflow
