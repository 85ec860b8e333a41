#include "prediction/route_dataset.h"

#include <algorithm>

#include "base/error.h"

namespace moeflow {

RouteDataset::RouteDataset(const RouteShape& shape) : shape_(shape) { check_route_shape(shape); }

size_t RouteDataset::add(std::span<const int32_t> tokens, std::span<const int32_t> routes) {
  const size_t route = shape_.route();
  if (routes.size() != tokens.size() * route) {
    fail(ErrorCode::kInvalidArgument, "routes: ", routes.size(), " experts for ", tokens.size(), " tokens of ", route);
  }
  for (size_t i = 0; i < routes.size(); ++i) {
    if (routes[i] >= shape_.experts) {
      fail(ErrorCode::kInvalidArgument, "routes: token ", i / route, " uses expert ", routes[i], " of ",
           shape_.experts);
    }
  }
  const size_t before = rows_.size();
  RouteHistory& sequence = sequences_.emplace_back(shape_);
  for (size_t t = 0; t < tokens.size(); ++t) {
    const RouteMatch match = sequence.match(tokens[t]);
    sequence.append(tokens[t], routes.data() + t * route);
    if (sequence.route(t).empty()) continue;
    rows_.push_back({static_cast<int32_t>(sequences_.size()) - 1, static_cast<int32_t>(t), match});
  }
  return rows_.size() - before;
}

const RouteDataset::Row& RouteDataset::row(int32_t number) const {
  if (number < 0 || static_cast<size_t>(number) >= rows_.size()) {
    fail(ErrorCode::kInvalidArgument, "there is no row ", number, " among ", rows_.size());
  }
  return rows_[static_cast<size_t>(number)];
}

RouteBatch RouteDataset::batch(std::span<const int32_t> rows) const {
  const size_t outputs = shape_.outputs();
  RouteBatch batch;
  batch.views.resize(kRouteViews * rows.size() * outputs);
  batch.targets.resize(rows.size() * outputs);
  std::vector<float> views(kRouteViews * outputs);
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& r = row(rows[i]);
    const RouteHistory& sequence = sequences_[static_cast<size_t>(r.sequence)];
    const auto position = static_cast<size_t>(r.position);
    batch.tokens.push_back(sequence.token(r.position));
    batch.before.push_back(sequence.token(int64_t{r.position} - 1));
    batch.match_lengths.push_back(r.match.length);
    route_features(sequence, position, r.match, views);
    for (size_t view = 0; view < kRouteViews; ++view) {
      std::copy_n(views.data() + view * outputs, outputs, batch.views.data() + (view * rows.size() + i) * outputs);
    }
    for (const int32_t expert : sequence.route(position)) {
      batch.targets[i * outputs + static_cast<size_t>(expert)] = 1;
    }
  }
  return batch;
}

std::vector<float> RouteDataset::predict(const RoutePredictor& predictor, std::span<const int32_t> rows) const {
  if (predictor.shape() != shape_) {
    fail(ErrorCode::kInvalidArgument, "the predictor is for ", describe(predictor.shape()), ", the routes have ",
         describe(shape_));
  }
  const size_t outputs = shape_.outputs();
  std::vector<float> probabilities(rows.size() * outputs);
  RouteScratch scratch;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& r = row(rows[i]);
    const RouteHistory& sequence = sequences_[static_cast<size_t>(r.sequence)];
    predictor.predict(sequence, static_cast<size_t>(r.position), sequence.token(r.position), r.match, scratch,
                      {probabilities.data() + i * outputs, outputs});
  }
  return probabilities;
}

}  // namespace moeflow
