#include "prediction/route_dataset.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace moeflow {
namespace {

// A use after so many tokens is worth less than a millionth.
constexpr size_t kLaterTokens = 20;

// What the tokens after `position` use: see RouteBatch. `later` is zero before.
void add_later(const RouteHistory& sequence, size_t position, std::span<float> later) {
  const size_t end = std::min(sequence.length(), position + 1 + kLaterTokens);
  float worth = 1;
  for (size_t next = position + 1; next < end; ++next, worth *= kLaterDecay) {
    for (const int32_t expert : sequence.route(next)) {
      float& first = later[static_cast<size_t>(expert)];
      first = std::max(first, worth);
    }
  }
}

RouteShape checked(const RouteShape& shape) {
  check_route_shape(shape);
  return shape;
}

}  // namespace

RouteDataset::RouteDataset(const RouteShape& shape) : shape_(checked(shape)), token_routes_(shape_) {}

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

TokenTable RouteDataset::learn_table(std::span<const int32_t> rows) {
  std::vector<TokenRoutes::Place> places;
  places.reserve(rows.size());
  std::vector<bool> given(rows_.size());
  for (const int32_t number : rows) {
    const Row& r = row(number);
    if (given[static_cast<size_t>(number)]) {
      fail(ErrorCode::kInvalidArgument, "row ", number, " is given twice; a table learns from each row once");
    }
    given[static_cast<size_t>(number)] = true;
    places.push_back({sequence_of(r).token(r.position), r.sequence, r.position});
  }
  token_routes_ = TokenRoutes(shape_, std::move(places), sequences_);
  return token_routes_.table(kMostTableBytes);
}

RouteBatch RouteDataset::batch(std::span<const int32_t> rows) const {
  const size_t outputs = shape_.outputs();
  RouteBatch batch;
  batch.views.resize(kRouteViews * rows.size() * outputs);
  batch.targets.resize(rows.size() * outputs);
  batch.later.resize(rows.size() * outputs);
  std::vector<float> views(kRouteViews * outputs);
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& r = row(rows[i]);
    const RouteHistory& sequence = sequence_of(r);
    const auto position = static_cast<size_t>(r.position);
    const int32_t token = sequence.token(r.position);
    batch.tokens.push_back(token);
    batch.before.push_back(sequence.token(int64_t{r.position} - 1));
    batch.match_lengths.push_back(r.match.length);
    route_features(sequence, position, r.match, std::span(views).first(kHistoryViews * outputs));
    const auto mean = std::span(views).subspan(kTable * outputs, outputs);
    batch.table_buckets.push_back(table_bucket(token_routes_.mean(token, r.sequence, sequences_, mean)));
    for (size_t view = 0; view < kRouteViews; ++view) {
      std::copy_n(views.data() + view * outputs, outputs, batch.views.data() + (view * rows.size() + i) * outputs);
    }
    for (const int32_t expert : sequence.route(position)) {
      batch.targets[i * outputs + static_cast<size_t>(expert)] = 1;
    }
    add_later(sequence, position, std::span(batch.later).subspan(i * outputs, outputs));
  }
  return batch;
}

std::vector<float> RouteDataset::predict(const RoutePredictor& predictor, RouteHead head,
                                         std::span<const int32_t> rows) const {
  if (predictor.shape() != shape_) {
    fail(ErrorCode::kInvalidArgument, "the predictor is for ", describe(predictor.shape()), ", the routes have ",
         describe(shape_));
  }
  const size_t outputs = shape_.outputs();
  std::vector<float> of_head(rows.size() * outputs);
  std::vector<float> answer(kRouteHeads * outputs);
  RouteScratch scratch;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& r = row(rows[i]);
    const RouteHistory& sequence = sequence_of(r);
    predictor.predict(sequence, static_cast<size_t>(r.position), sequence.token(r.position), r.match, scratch, answer);
    std::copy_n(answer.data() + head * outputs, outputs, of_head.data() + i * outputs);
  }
  return of_head;
}

}  // namespace moeflow
