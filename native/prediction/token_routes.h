// The routes that token ids took in the sequences that a predictor learns from. What it keeps grows with the routes,
// not with ids times experts: most ids are rare, and use few.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "prediction/route_history.h"
#include "prediction/token_table.h"

namespace moeflow {

class TokenRoutes {
 public:
  // A token whose route is known.
  struct Place {
    int32_t token = kUnknownToken;
    int32_t sequence = 0;
    int32_t position = 0;
    auto operator<=>(const Place&) const = default;
  };

  // Of no place.
  explicit TokenRoutes(const RouteShape& shape);
  // Of different places in `sequences`, which stay as they are from now on, but for new ones at the end.
  TokenRoutes(const RouteShape& shape, std::vector<Place> places, std::span<const RouteHistory> sequences);

  // The mean route of a token's places, [layers * experts], to which comes what all tokens use as that of one more.
  // Those in `sequence` are left out: a token must not learn from its own. Returns how many places it is of.
  int64_t mean(int32_t token, int32_t sequence, std::span<const RouteHistory> sequences, std::span<float> mean) const;
  // The means of the most frequent ids.
  TokenTable table(size_t most_bytes) const;

 private:
  struct Use {
    int32_t expert = 0;  // numbered layer * experts + expert
    int32_t count = 0;
  };

  void add_id(size_t end, std::span<const RouteHistory> sequences, std::vector<int32_t>& counts);
  std::span<const Place> places_of(size_t row) const;
  std::span<const Use> uses_of(size_t row) const;
  void add_up(size_t row, std::span<float> sums) const;
  void divide(int64_t places, std::span<float> sums) const;

  RouteShape shape_;
  std::vector<Place> places_;      // rising
  std::vector<int32_t> ids_;       // rising
  std::vector<size_t> place_end_;  // [id + 1] of its places; the first row is nobody's, as in a TokenTable
  std::vector<size_t> use_end_;    // [id + 1]
  std::vector<Use> uses_;
  std::vector<float> popularity_;  // [layers * experts] share of the places that use it
};

}  // namespace moeflow
