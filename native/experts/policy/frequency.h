// How often experts are used, where a use counts half as much after the uses of some further tokens. It goes on
// counting while an expert is away.
#pragma once

#include <cmath>

#include "experts/policy/last_use.h"
#include "experts/policy/policy.h"

namespace moeflow {

class FadingFrequency {
 public:
  FadingFrequency(const ExpertGrid& grid, double half_life_tokens)
      : half_life_tokens_(half_life_tokens),
        uses_per_token_(static_cast<double>(grid.used) * grid.routed_layers),
        last_(grid.experts()),
        weight_(static_cast<size_t>(grid.experts())) {}

  // Instead of all uses fading, new ones weigh more. Now and then all weights are scaled down; then it says true.
  bool used(int32_t expert) {
    last_.used(expert);
    const bool scaled = half_lives() > kMostHalfLives;
    if (scaled) start_again();
    weight_[static_cast<size_t>(expert)] += std::exp2(half_lives());
    return scaled;
  }

  // Larger for experts used more often.
  double weight(int32_t expert) const { return weight_[static_cast<size_t>(expert)]; }
  // What a weight is multiplied with to become the probability that a token uses the expert: the faded uses of one that
  // every token uses add up to 1, and as much less for each token before, as there have been.
  double probability_per_weight() const {
    const double tokens = static_cast<double>(last_.now()) / uses_per_token_;
    const double every_token = (1 - std::exp2(-tokens / half_life_tokens_)) / (1 - std::exp2(-1 / half_life_tokens_));
    return std::exp2(-half_lives()) / std::max(every_token, 1.0);
  }
  // See LastUse.
  uint64_t last(int32_t expert) const { return last_.of(expert); }

 private:
  static constexpr double kMostHalfLives = 512;  // of 1023 that a double can bear

  double half_lives() const {
    return static_cast<double>(last_.now() - start_) / (half_life_tokens_ * uses_per_token_);
  }
  void start_again() {
    const double scale = std::exp2(-half_lives());
    for (double& weight : weight_) weight *= scale;
    start_ = last_.now();
  }

  double half_life_tokens_;
  double uses_per_token_;
  uint64_t start_ = 0;
  LastUse last_;
  std::vector<double> weight_;
};

}  // namespace moeflow
