// What is predicted for the tokens of one step, taken together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "prediction/route_predictor.h"

namespace moeflow {

class StepForecast {
 public:
  explicit StepForecast(const RouteShape& shape);

  // Of no token.
  void clear();
  // Adds a token by what a predictor's heads say, [kRouteHeads][layers * experts]; tokens choose independently. Throws
  // Error(kInternal) for what is not a probability.
  void add(std::span<const float> answer);

  const RouteShape& shape() const { return shape_; }
  // What a head says of all tokens together, [experts] of a layer: that any of them uses the expert, or will have it
  // used after it.
  void read(RouteHead head, int32_t layer, std::span<float> probabilities) const;
  // The experts of a layer that are used with at least this probability, the most probable first.
  void rank(int32_t layer, float least_probability, std::vector<int32_t>& experts) const;

 private:
  std::span<const float> unused_in(RouteHead head, int32_t layer) const;

  RouteShape shape_;
  std::vector<float> unused_;  // [kRouteHeads][layers * experts] the probability of none
};

}  // namespace moeflow
