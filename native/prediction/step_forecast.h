// What is predicted for the tokens of one step, taken together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "prediction/route_history.h"

namespace moeflow {

class StepForecast {
 public:
  explicit StepForecast(const RouteShape& shape);

  // Of no token.
  void clear();
  // Adds a token by the probabilities of its experts, [layers * experts]; tokens choose independently. Throws
  // Error(kInternal) for what is not a probability.
  void add(std::span<const float> probabilities);

  const RouteShape& shape() const { return shape_; }
  // That any of the tokens uses it: [experts] of a layer.
  void probabilities_of(int32_t layer, std::span<float> probabilities) const;
  // The experts of a layer that are at least so probable, the most probable first.
  void rank(int32_t layer, float least_probability, std::vector<int32_t>& experts) const;

 private:
  std::span<const float> unused_in(int32_t layer) const;

  RouteShape shape_;
  std::vector<float> unused_;  // [layers * experts] the probability that no token uses it
};

}  // namespace moeflow
