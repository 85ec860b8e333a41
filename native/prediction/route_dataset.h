// Recorded sequences as rows to learn from, and to try a predictor on: one row for each token whose route is known.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "prediction/route_predictor.h"

namespace moeflow {

// Rows side by side; what a token used, 1 or 0, is the target.
struct RouteBatch {
  std::vector<int32_t> tokens;
  std::vector<int32_t> before;  // the tokens before them, kUnknownToken for none
  std::vector<int32_t> match_lengths;
  std::vector<float> views;    // [kRouteViews][rows][layers * experts]
  std::vector<float> targets;  // [rows][layers * experts]
};

class RouteDataset {
 public:
  // Throws Error(kInvalidArgument) for a shape that makes no sense.
  explicit RouteDataset(const RouteShape& shape);

  // A sequence from its beginning on: ids, and routes [tokens][layers][used], below 0 where they are not known. Returns
  // the number of its rows. Throws Error(kInvalidArgument) naming the token.
  size_t add(std::span<const int32_t> tokens, std::span<const int32_t> routes);

  const RouteShape& shape() const { return shape_; }
  size_t rows() const { return rows_.size(); }
  // Throws Error(kInvalidArgument) for a row that is not there.
  RouteBatch batch(std::span<const int32_t> rows) const;
  // [rows][layers * experts]
  std::vector<float> predict(const RoutePredictor& predictor, std::span<const int32_t> rows) const;

 private:
  struct Row {
    int32_t sequence = 0;
    int32_t position = 0;
    RouteMatch match;
  };

  const Row& row(int32_t number) const;

  RouteShape shape_;
  std::vector<RouteHistory> sequences_;
  std::vector<Row> rows_;
};

}  // namespace moeflow
