// Least frequently used, by a frequency that fades; of equals, the least recently used.
#pragma once

#include <utility>

#include "experts/policy/frequency.h"
#include "experts/policy/keyed.h"

namespace moeflow {

// Of published routes of single tokens, all half-lives from 4 to 24 hit within .02 of this one.
inline constexpr double kLfuHalfLifeTokens = 12;

class LfuPolicy final : public KeyedPolicy<std::pair<double, uint64_t>> {
 public:
  explicit LfuPolicy(const ExpertGrid& grid) : KeyedPolicy(grid.experts()), frequency_(grid, kLfuHalfLifeTokens) {}

  void used(int32_t expert) override {
    // Weights that are scaled down may become equal.
    if (frequency_.used(expert)) keys_changed();
    key_changed(expert);
  }

 private:
  std::pair<double, uint64_t> key(int32_t expert) override {
    return {frequency_.weight(expert), frequency_.last(expert)};
  }

  FadingFrequency frequency_;
};

}  // namespace moeflow
