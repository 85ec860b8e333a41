#include "prediction/token_routes.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace moeflow {

TokenRoutes::TokenRoutes(const RouteShape& shape) : TokenRoutes(shape, {}, {}) {}

TokenRoutes::TokenRoutes(const RouteShape& shape, std::vector<Place> places, std::span<const RouteHistory> sequences)
    : shape_(shape), places_(std::move(places)), place_end_{0}, use_end_{0}, popularity_(shape.outputs()) {
  std::sort(places_.begin(), places_.end());
  std::vector<int32_t> counts(shape.outputs());
  for (size_t end = 1; end <= places_.size(); ++end) {
    if (end == places_.size() || places_[end].token != places_[end - 1].token) add_id(end, sequences, counts);
  }
  for (const Use& use : uses_) popularity_[static_cast<size_t>(use.expert)] += static_cast<float>(use.count);
  for (float& share : popularity_) share /= static_cast<float>(std::max<size_t>(places_.size(), 1));
}

// That of the places from the last one's on. `counts` are zero before and after.
void TokenRoutes::add_id(size_t end, std::span<const RouteHistory> sequences, std::vector<int32_t>& counts) {
  for (size_t i = place_end_.back(); i < end; ++i) {
    const Place& place = places_[i];
    const RouteHistory& sequence = sequences[static_cast<size_t>(place.sequence)];
    for (const int32_t expert : sequence.route(static_cast<size_t>(place.position))) {
      ++counts[static_cast<size_t>(expert)];
    }
  }
  for (size_t expert = 0; expert < counts.size(); ++expert) {
    if (counts[expert] > 0) uses_.push_back({static_cast<int32_t>(expert), std::exchange(counts[expert], 0)});
  }
  ids_.push_back(places_[end - 1].token);
  place_end_.push_back(end);
  use_end_.push_back(uses_.size());
}

std::span<const TokenRoutes::Place> TokenRoutes::places_of(size_t row) const {
  if (row == 0) return {};
  return std::span(places_).subspan(place_end_[row - 1], place_end_[row] - place_end_[row - 1]);
}

std::span<const TokenRoutes::Use> TokenRoutes::uses_of(size_t row) const {
  if (row == 0) return {};
  return std::span(uses_).subspan(use_end_[row - 1], use_end_[row] - use_end_[row - 1]);
}

void TokenRoutes::add_up(size_t row, std::span<float> sums) const {
  std::fill(sums.begin(), sums.end(), 0.0F);
  for (const Use& use : uses_of(row)) sums[static_cast<size_t>(use.expert)] = static_cast<float>(use.count);
}

void TokenRoutes::divide(int64_t places, std::span<float> sums) const {
  for (size_t e = 0; e < sums.size(); ++e) sums[e] = (sums[e] + popularity_[e]) / static_cast<float>(places + 1);
}

int64_t TokenRoutes::mean(int32_t token, int32_t sequence, std::span<const RouteHistory> sequences,
                          std::span<float> mean) const {
  const size_t row = row_of(ids_, token);
  add_up(row, mean);
  const auto places = places_of(row);
  int64_t count = std::ssize(places);
  auto own = std::lower_bound(places.begin(), places.end(), Place{token, sequence, 0});
  for (; own != places.end() && own->sequence == sequence; ++own, --count) {
    const RouteHistory& history = sequences[static_cast<size_t>(sequence)];
    for (const int32_t expert : history.route(static_cast<size_t>(own->position))) {
      mean[static_cast<size_t>(expert)] -= 1;
    }
  }
  divide(count, mean);
  return count;
}

TokenTable TokenRoutes::table(size_t most_bytes) const {
  const size_t outputs = shape_.outputs();
  std::vector<size_t> rows(ids_.size());
  std::iota(rows.begin(), rows.end(), size_t{1});
  // Of equally frequent ones the lower id.
  std::stable_sort(rows.begin(), rows.end(),
                   [&](size_t a, size_t b) { return places_of(a).size() > places_of(b).size(); });
  const size_t most_rows = most_bytes / outputs;
  rows.resize(std::min(rows.size(), most_rows > 0 ? most_rows - 1 : 0));
  std::sort(rows.begin(), rows.end());
  rows.insert(rows.begin(), 0);
  TokenTable table;
  std::vector<float> mean(outputs);
  for (const size_t row : rows) {
    const int64_t places = std::ssize(places_of(row));
    add_up(row, mean);
    divide(places, mean);
    if (row != 0) table.tokens.push_back(ids_[row - 1]);
    table.buckets.push_back(static_cast<uint8_t>(table_bucket(places)));
    for (const float share : mean)
      table.means.push_back(static_cast<uint8_t>(std::lround(std::min(share, 1.0F) * 255)));
  }
  return table;
}

}  // namespace moeflow
