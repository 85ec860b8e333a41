// Route predictors whose answers are known: all weights are zero but for those that the test gives.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "model/config.h"
#include "prediction/route_predictor.h"

namespace moeflow::test {

inline RouteShape route_shape(const ModelConfig& config) {
  return {config.layers - config.leading_dense_layers, config.router.experts, config.router.used};
}

inline RouteWeights zero_weights(const RouteShape& shape) {
  RouteWeights weights;
  weights.shape = shape;
  weights.token_width = 2;
  weights.hidden = 3;
  weights.tokens = {1, 5};
  weights.current.resize(3 * 2);
  weights.previous.resize(3 * 2);
  weights.current_matrix.resize(2 * 3);
  weights.previous_matrix.resize(2 * 3);
  weights.lengths.resize((kLongestMatch + 1) * 3);
  weights.hidden_bias.resize(3);
  weights.views.resize(kHiddenViews.size() * shape.outputs() * 3);
  const size_t answer = kRouteHeads * shape.outputs();
  weights.output.resize(3 * answer);
  weights.output_bias.resize(answer);
  weights.direct.resize(kRouteViews * (kLongestMatch + 1) * answer);
  weights.table.tokens = {1};
  weights.table.means.resize(2 * shape.outputs());
  weights.table.buckets.resize(2);
  return weights;
}

// The same for every token, [layers * experts]: probabilities, and what later uses are worth; by default those are the
// same too.
inline std::shared_ptr<const RoutePredictor> constant_predictor(const RouteShape& shape,
                                                                const std::vector<float>& probabilities,
                                                                const std::vector<float>& later = {}) {
  RouteWeights weights = zero_weights(shape);
  const auto logit = [](float chance) { return std::log(chance / (1 - chance)); };
  for (size_t i = 0; i < probabilities.size(); ++i) {
    weights.output_bias[i] = logit(probabilities[i]);
    weights.output_bias[probabilities.size() + i] = logit(later.empty() ? probabilities[i] : later[i]);
  }
  return std::make_shared<const RoutePredictor>(std::move(weights));
}

// Nearly sure that a token takes the route of the one before, and so does the next.
inline std::shared_ptr<const RoutePredictor> previous_token_predictor(const RouteShape& shape) {
  RouteWeights weights = zero_weights(shape);
  for (float& bias : weights.output_bias) bias = -10;
  const size_t view = kRouteHeads * shape.outputs() * (kLongestMatch + 1);
  for (size_t i = 0; i < view; ++i) weights.direct[kPrevious * view + i] = 20;
  return std::make_shared<const RoutePredictor>(std::move(weights));
}

inline std::shared_ptr<const RoutePredictor> random_predictor(const RouteShape& shape, unsigned seed) {
  RouteWeights weights = zero_weights(shape);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (auto* values : {&weights.current, &weights.previous, &weights.current_matrix, &weights.views, &weights.output,
                       &weights.output_bias, &weights.direct}) {
    for (float& value : *values) value = normal(random);
  }
  for (uint8_t& mean : weights.table.means) mean = static_cast<uint8_t>(random());
  return std::make_shared<const RoutePredictor>(std::move(weights));
}

// Waits for what another thread brings about. Fails the test if that takes half a minute.
template <typename Condition>
void wait_until(Condition&& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) FAIL("waited in vain");
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

}  // namespace moeflow::test
