// The run-time form of the trained route predictor: which experts a token will use in all layers, from its id, the
// tokens before it and the routes that they took. ExpertFlow's routing path predictor (arXiv 2410.17954) in what it is
// for; the network is a small one of our own (predictor/network.ts says why).
//
//   hidden = relu(bias + current[token] x matrix + previous[token before] x matrix + lengths[match length]
//                 + previous, matched, recurring and medium view x their matrices)
//   logit  = hidden x output + bias + for each view: the view x direct[view][match length], element by element
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "prediction/route_features.h"
#include "prediction/route_history.h"

namespace moeflow {

// Views that the hidden layer reads.
inline constexpr std::array<RouteView, 4> kHiddenViews = {kPrevious, kMatched, kRecurring, kMedium};

struct RouteWeights {
  RouteShape shape;
  int32_t token_width = 0;
  int32_t hidden = 0;
  std::vector<int32_t> tokens;         // ids that have rows of their own, rising
  std::vector<float> current;          // [tokens + 1][token width]; the first row is that of unknown tokens
  std::vector<float> previous;         // same
  std::vector<float> current_matrix;   // [token width][hidden]
  std::vector<float> previous_matrix;  // same
  std::vector<float> lengths;          // [kLongestMatch + 1][hidden]
  std::vector<float> hidden_bias;      // [hidden]
  std::vector<float> views;            // [kHiddenViews][layers * experts][hidden]
  std::vector<float> output;           // [hidden][layers * experts]
  std::vector<float> output_bias;      // [layers * experts]
  std::vector<float> direct;           // [kRouteViews][kLongestMatch + 1][layers * experts]
};

// Memory that a prediction works in, to be used again.
struct RouteScratch {
  std::vector<float> views;
  std::vector<float> hidden;
};

class RoutePredictor {
 public:
  // Throws Error(kInvalidArgument) naming what does not have the size that the shape asks for, or is not finite.
  explicit RoutePredictor(RouteWeights weights);

  const RouteShape& shape() const { return weights_.shape; }
  uint64_t bytes() const;

  // The probability of each expert, [layers * experts], for a token at `position` of the sequence; see route_features.
  // `before` is the token before it. Of any number of threads, each with a scratch of its own.
  void predict(const RouteHistory& history, size_t position, int32_t token, const RouteMatch& match,
               RouteScratch& scratch, std::span<float> probabilities) const;
  // The second half of it: from the features alone.
  void evaluate(int32_t token, int32_t before, int32_t match_length, std::span<const float> views,
                std::vector<float>& hidden, std::span<float> probabilities) const;

 private:
  size_t row_of(int32_t token) const;

  RouteWeights weights_;
};

}  // namespace moeflow
