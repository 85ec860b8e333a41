// Recorded sequences as rows to learn from, and to try a predictor on: one row for each token whose route is known.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "prediction/route_predictor.h"
#include "prediction/token_routes.h"

namespace moeflow {

// Of a predictor's table: room for 20 thousand ids of a model with 24 layers of 32 experts, or for 2700 of one with 48
// of 128, whose other weights take more than that. Ids beyond are rare, and their means say little.
inline constexpr size_t kMostTableBytes = size_t{16} << 20;

// Rows side by side; what a token used, 1 or 0, is the target.
struct RouteBatch {
  std::vector<int32_t> tokens;
  std::vector<int32_t> before;  // the tokens before them, kUnknownToken for none
  std::vector<int32_t> match_lengths;
  std::vector<int32_t> table_buckets;
  std::vector<float> views;    // [kRouteViews][rows][layers * experts]
  std::vector<float> targets;  // [rows][layers * experts]
  // Same: 1 for what the next token of the sequence uses, and half as much with every token until the next use.
  std::vector<float> later;
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
  // Learns from different rows, and from nothing else, what the table's view is: batch() gives it of every row, with
  // what was learned of the row's own sequence left out. Returns the table for a predictor. Throws
  // Error(kInvalidArgument) for a row that is not there, or is given twice.
  TokenTable learn_table(std::span<const int32_t> rows);
  // Throws Error(kInvalidArgument) for a row that is not there.
  RouteBatch batch(std::span<const int32_t> rows) const;
  // [rows][layers * experts] of one head. Throws Error(kInvalidArgument) for a row that is not there, or a predictor
  // for another shape.
  std::vector<float> predict(const RoutePredictor& predictor, RouteHead head, std::span<const int32_t> rows) const;

 private:
  struct Row {
    int32_t sequence = 0;
    int32_t position = 0;
    RouteMatch match;
  };

  const Row& row(int32_t number) const;
  const RouteHistory& sequence_of(const Row& row) const { return sequences_[static_cast<size_t>(row.sequence)]; }

  RouteShape shape_;
  std::vector<RouteHistory> sequences_;
  std::vector<Row> rows_;
  TokenRoutes token_routes_;
};

}  // namespace moeflow
