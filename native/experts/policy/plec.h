// Predictive locality-aware caching (ExpertFlow, arXiv 2410.17954: its expert cache engine), as eviction: whose next
// use is worth least leaves, where a use is worth less the later it may come. That the layer's next run uses an expert
// is as probable as the prediction says, if there is one. For all runs after it, and without a prediction, it is as
// probable as it has been of late; a prediction that says what those are worth has most of the say, until the next one.
#pragma once

#include <cmath>
#include <utility>

#include "experts/policy/frequency.h"
#include "prediction/route_predictor.h"

namespace moeflow {

// The probability is a mean of two frequencies, one for habits and one for what the text is about now. Chosen among ten
// pairs and shares on published routes (docs/performance.md, "Policies"); others come within .02.
inline constexpr double kHabitHalfLifeTokens = 24;
inline constexpr double kTopicHalfLifeTokens = 3;
inline constexpr double kTopicShare = 0.3;

// What a use by the next token is worth beside one by this token. On gpt-oss-20b's published routes, with predictions
// and without, .3 to .7 come to the same within .003; to weigh the mean time instead loses up to .04 with predictions,
// as what will not be used for long outweighs what probably is.
inline constexpr double kFading = kLaterDecay;
// And beside one that is foreseen for this token: what comes later is less sure than it looks.
inline constexpr double kLater = 0.3;
// Part of what is foreseen of later uses, where it is, beside what habit says of them.
inline constexpr double kForeseen = 0.8;

class PlecPolicy final : public EvictionPolicy {
 public:
  explicit PlecPolicy(const ExpertGrid& grid)
      : grid_(grid),
        habit_(grid, kHabitHalfLifeTokens),
        topic_(grid, kTopicHalfLifeTokens),
        due_(static_cast<size_t>(grid.experts())),
        chance_(static_cast<size_t>(grid.experts())),
        later_(static_cast<size_t>(grid.experts()), kLaterNotKnown),
        layer_of_(layers_of_experts(grid)) {
    for (int32_t requests = 0; requests <= grid.routed_layers; ++requests) {
      fading_.push_back(std::pow(kFading, static_cast<double>(requests) / grid.routed_layers));
    }
  }

  void layer_begins(int32_t layer) override {
    layer_ = layer;
    ++request_;
  }
  void used(int32_t expert) override {
    habit_.used(expert);
    topic_.used(expert);
  }
  void expected(int32_t expert, int32_t requests, float probability, float later) override {
    const auto e = static_cast<size_t>(expert);
    const int64_t due = request_ + requests;
    // Routers that are asked early know more of the same request, and nothing of those after it.
    if (later >= 0 || due_[e] != due) later_[e] = later;
    due_[e] = due;
    chance_[e] = probability;
  }
  int32_t choose(std::span<const int32_t> candidates) override {
    const Scale scale = scale_now();
    return smallest(candidates, [&](int32_t expert) { return std::pair(worth(expert, scale), habit_.last(expert)); });
  }
  bool gives_way(int32_t leaving, int32_t expected) const override {
    const Scale scale = scale_now();
    return worth(leaving, scale) < worth(expected, scale);
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

  // What a use is worth fades with the requests until it: this is the mean over when the next one may come.
  double worth(int32_t expert, const Scale& scale) const {
    const auto e = static_cast<size_t>(expert);
    const double habit = std::min(scale.habit * habit_.weight(expert) + scale.topic * topic_.weight(expert), 1.0);
    // As seen from its layer's next run, by habit alone.
    double later = habit / (1 - kFading * (1 - habit));
    const int64_t due = due_[e] - request_;
    // What was foreseen is of use until its layer runs again without a new prediction.
    if (later_[e] >= 0 && due > -grid_.routed_layers) {
      later = kForeseen * static_cast<double>(later_[e]) + (1 - kForeseen) * later;
    }
    if (due > 0 && due <= grid_.routed_layers) {
      const double now = static_cast<double>(chance_[e]);
      return fading_[static_cast<size_t>(due)] * (now + (1 - now) * kLater * later);
    }
    return fading_[static_cast<size_t>(grid_.requests_until(layer_of_[e], layer_))] * later;
  }

  ExpertGrid grid_;
  FadingFrequency habit_;
  FadingFrequency topic_;
  int32_t layer_ = 0;
  int64_t request_ = 0;
  std::vector<int64_t> due_;       // [expert] the request that it is expected by
  std::vector<float> chance_;      // [expert] that this request asks for it
  std::vector<float> later_;       // [expert] what its next use after this request is worth
  std::vector<int32_t> layer_of_;  // [expert]
  std::vector<double> fading_;     // [requests until a use] what it is worth
};

}  // namespace moeflow
