// Least frequently used, by a frequency that fades; of equals, the least recently used.
#pragma once

#include <utility>

#include "experts/policy/frequency.h"

namespace moeflow {

// Of published routes of single tokens, all half-lives from 4 to 24 hit within .02 of this one.
inline constexpr double kLfuHalfLifeTokens = 12;

class LfuPolicy final : public EvictionPolicy {
 public:
  explicit LfuPolicy(const ExpertGrid& grid) : frequency_(grid, kLfuHalfLifeTokens) {}

  void used(int32_t expert) override { frequency_.used(expert); }
  int32_t choose(std::span<const int32_t> candidates) override {
    return smallest(candidates,
                    [&](int32_t expert) { return std::pair(frequency_.weight(expert), frequency_.last(expert)); });
  }

 private:
  FadingFrequency frequency_;
};

}  // namespace moeflow
