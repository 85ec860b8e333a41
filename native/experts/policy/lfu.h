// Least frequently used, where a use counts half as much after many further uses of any expert, and goes on counting
// while the expert is away. Equal frequencies: the least recently used.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "experts/policy/policy.h"

namespace moeflow {

class LfuPolicy final : public EvictionPolicy {
 public:
  explicit LfuPolicy(int32_t experts) : half_life_(16.0 * experts), uses_(static_cast<size_t>(experts)) {}

  void used(int32_t expert) override {
    ++now_;
    Uses& uses = uses_[static_cast<size_t>(expert)];
    uses.frequency = frequency_of(uses) + 1;
    uses.last = now_;
  }
  void left(int32_t) override {}
  int32_t choose(std::span<const int32_t> candidates) const override {
    return *std::min_element(candidates.begin(), candidates.end(), [&](int32_t a, int32_t b) {
      const Uses& left = uses_[static_cast<size_t>(a)];
      const Uses& right = uses_[static_cast<size_t>(b)];
      const double difference = frequency_of(left) - frequency_of(right);
      return difference != 0 ? difference < 0 : left.last < right.last;
    });
  }

 private:
  struct Uses {
    double frequency = 0;  // at the time of the last use
    uint64_t last = 0;
  };
  double frequency_of(const Uses& uses) const {
    return uses.frequency * std::exp2(-static_cast<double>(now_ - uses.last) / half_life_);
  }

  double half_life_;  // in uses: about sixteen rounds through all experts
  uint64_t now_ = 0;
  std::vector<Uses> uses_;
};

}  // namespace moeflow
