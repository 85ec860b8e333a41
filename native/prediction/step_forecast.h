// What is predicted for the tokens of one step, taken together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "prediction/route_predictor.h"

namespace moeflow {

// What is foreseen of a step, by layer; dense layers come first, and have nothing.
struct LayerForecasts {
  // Room for all that may be said.
  LayerForecasts(const RouteShape& shape, size_t dense_layers);

  std::vector<std::vector<float>> probabilities;  // [layer][expert] that the step uses it
  std::vector<std::vector<float>> later;          // same: what its next use after the step is worth (kUsedLater)
  std::vector<std::vector<int32_t>> probable;     // [layer] those that are worth a read, the most probable first
};

class StepForecast {
 public:
  explicit StepForecast(const RouteShape& shape);

  // Of no token.
  void clear();
  // Adds a token by what a predictor's heads say, [kRouteHeads][layers * experts]; tokens choose independently. Throws
  // Error(kInternal) for what is not a probability.
  void add(std::span<const float> answer);

  // What the heads say of all tokens together: that any of them uses the expert, or will have it used after it. Worth a
  // read is what is used with at least `least_probability`.
  void write(float least_probability, LayerForecasts& into) const;

 private:
  void read(RouteHead head, int32_t layer, std::span<float> probabilities) const;
  void rank(int32_t layer, float least_probability, std::vector<int32_t>& experts) const;
  std::span<const float> unused_in(RouteHead head, int32_t layer) const;

  RouteShape shape_;
  std::vector<float> unused_;  // [kRouteHeads][layers * experts] the probability of none
};

}  // namespace moeflow
