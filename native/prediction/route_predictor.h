// The run-time form of the trained route predictor: which experts a token will use in all layers, and which of them
// will be used again soon, from its id, the tokens before it and the routes that they took. ExpertFlow's routing path
// predictor (arXiv 2410.17954) in what it is for; the network is a small one of our own (predictor/network.ts says
// why).
//
//   hidden = relu(bias + current[token] x matrix + previous[token before] x matrix + lengths[match length]
//                 + previous, matched, recurring, medium, succeeding and table view x their matrices)
//   logit  = hidden x output + bias + for each view: the view x direct[view][match length], element by element; for the
//            table's view its bucket stands for the match length
//
// Each of the two heads has an output, a bias and direct factors of its own.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "prediction/route_features.h"
#include "prediction/route_history.h"
#include "prediction/token_table.h"

namespace moeflow {

// Views that the hidden layer reads.
inline constexpr std::array<RouteView, 6> kHiddenViews = {kPrevious, kMatched,    kRecurring,
                                                          kMedium,   kSucceeding, kTable};

// What is said of every expert.
enum RouteHead : uint8_t {
  kUsedNow,    // the probability that the token uses it
  kUsedLater,  // what its next use after this token is worth: 1 by the next token, and kLaterDecay times as much with
               // each more
  kRouteHeads,
};
inline constexpr float kLaterDecay = 0.5F;

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
  std::vector<float> output;           // [hidden][kRouteHeads][layers * experts]
  std::vector<float> output_bias;      // [kRouteHeads][layers * experts]
  std::vector<float> direct;           // [kRouteViews][kLongestMatch + 1][kRouteHeads][layers * experts]
  TokenTable table;
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

  // What the heads say, [kRouteHeads][layers * experts] from 0 to 1, for a token at `position` of the sequence; see
  // route_features. `before` is the token before it. Of any number of threads, each with a scratch of its own.
  void predict(const RouteHistory& history, size_t position, int32_t token, const RouteMatch& match,
               RouteScratch& scratch, std::span<float> answer) const;
  // The second half of it: from the history's features alone.
  void evaluate(int32_t token, int32_t before, int32_t match_length, std::span<const float> views,
                std::vector<float>& hidden, std::span<float> answer) const;

 private:
  void check_weights() const;
  void fold_table();
  void add_hidden(int32_t token, int32_t before, size_t match_length, std::span<const float> views,
                  float* hidden) const;
  void add_direct(int32_t token, size_t match_length, std::span<const float> views, float* logits) const;

  RouteWeights weights_;             // but for the table's matrix of the hidden layer,
  std::vector<float> table_hidden_;  // as its product with every row is here: [table tokens + 1][hidden]
};

}  // namespace moeflow
