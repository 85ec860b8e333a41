// Predictions of a chosen quality, made from what really comes: for asking what a predictor would be worth.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "experts/policy/policy.h"
#include "experts/route_steps.h"

namespace moeflow {

struct PredictionQuality {
  double recall = 1;         // the share of what is used that is predicted
  double precision = 1;      // the share of what is predicted that is used
  int32_t layers_ahead = 1;  // so many layers before it is asked for, at most
  uint64_t seed = 0;
};

class PredictionOracle {
 public:
  PredictionOracle(const ExpertGrid& grid, const PredictionQuality& quality)
      : per_layer_(grid.per_layer), quality_(quality), random_(quality.seed) {}

  // For the request of a layer, in an order that says nothing. Each of its experts is predicted with the probability
  // `recall`; to them come as many of the others, if there are so many, as bring the precision down to what it should
  // be.
  std::vector<int32_t> predict(const LayerRequest& request);

 private:
  double uniform() { return static_cast<double>(random_() >> 11) * 0x1p-53; }
  size_t below(size_t end) { return static_cast<size_t>(uniform() * static_cast<double>(end)); }

  int32_t per_layer_;
  PredictionQuality quality_;
  // Its sequence is laid down by the language, so a seed means the same everywhere.
  std::mt19937_64 random_;
};

}  // namespace moeflow
