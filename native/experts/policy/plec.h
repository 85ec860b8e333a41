// Predictive locality-aware caching (ExpertFlow, arXiv 2410.17954: its expert cache engine), as eviction: whose next
// use is farthest away leaves. Where a prediction names the next use, that is it. Where none does, it is estimated: an
// expert that its layer uses with probability p per token comes in the layer's next run, after 1/p - 1 that pass it by
// on average.
#pragma once

#include <utility>

#include "experts/policy/frequency.h"

namespace moeflow {

// The probability is a mean of two frequencies, one for habits and one for what the text is about now. Chosen among ten
// pairs and shares on published routes (docs/performance.md, "Policies"); others come within .02.
inline constexpr double kHabitHalfLifeTokens = 24;
inline constexpr double kTopicHalfLifeTokens = 3;
inline constexpr double kTopicShare = 0.3;

class PlecPolicy final : public EvictionPolicy {
 public:
  explicit PlecPolicy(const ExpertGrid& grid)
      : grid_(grid),
        habit_(grid, kHabitHalfLifeTokens),
        topic_(grid, kTopicHalfLifeTokens),
        due_(static_cast<size_t>(grid.experts())),
        layer_of_(layers_of_experts(grid)) {}

  void layer_begins(int32_t layer) override {
    layer_ = layer;
    ++request_;
  }
  void used(int32_t expert) override {
    habit_.used(expert);
    topic_.used(expert);
  }
  void expected(int32_t expert, int32_t requests) override { due_[static_cast<size_t>(expert)] = request_ + requests; }
  int32_t choose(std::span<const int32_t> candidates) override {
    const Scale scale = scale_now();
    return smallest(candidates,
                    [&](int32_t expert) { return std::pair(-requests_until_use(expert, scale), habit_.last(expert)); });
  }
  bool gives_way(int32_t leaving, int32_t expected) const override {
    const Scale scale = scale_now();
    return requests_until_use(leaving, scale) > requests_until_use(expected, scale);
  }

 private:
  // Of weights, to become shares of a probability.
  struct Scale {
    double habit;
    double topic;
  };

  Scale scale_now() const {
    return {(1 - kTopicShare) * habit_.probability_per_weight(), kTopicShare * topic_.probability_per_weight()};
  }

  double requests_until_use(int32_t expert, const Scale& scale) const {
    const int64_t due = due_[static_cast<size_t>(expert)] - request_;
    if (due > 0) return static_cast<double>(due);
    const double probability = scale.habit * habit_.weight(expert) + scale.topic * topic_.weight(expert);
    return grid_.requests_until(layer_of_[static_cast<size_t>(expert)], layer_) +
           grid_.routed_layers * (1 / std::clamp(probability, kRarest, 1.0) - 1);
  }

  static constexpr double kRarest = 1e-9;

  ExpertGrid grid_;
  FadingFrequency habit_;
  FadingFrequency topic_;
  int32_t layer_ = 0;
  int64_t request_ = 0;
  std::vector<int64_t> due_;       // [expert] the request that it is expected by
  std::vector<int32_t> layer_of_;  // [expert]
};

}  // namespace moeflow
