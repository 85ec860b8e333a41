#include "prediction/route_predictor.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace moeflow {
namespace {

constexpr int32_t kMostWidth = 1 << 14;

void check(const std::vector<float>& values, size_t size, const char* name) {
  if (values.size() != size) {
    fail(ErrorCode::kInvalidArgument, "predictor: ", name, " has ", values.size(), " values, not ", size);
  }
  const auto bad = std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  if (bad != values.end()) {
    fail(ErrorCode::kInvalidArgument, "predictor: value ", bad - values.begin(), " of ", name, " is ", *bad);
  }
}

// y += factor * x
void add_scaled(float* y, const float* x, float factor, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] += factor * x[i];
}

}  // namespace

RoutePredictor::RoutePredictor(RouteWeights weights) : weights_(std::move(weights)) {
  const RouteShape& shape = weights_.shape;
  check_route_shape(shape);
  const auto is_width = [](int32_t width) { return width > 0 && width <= kMostWidth; };
  if (!is_width(weights_.hidden) || !is_width(weights_.token_width)) {
    fail(ErrorCode::kInvalidArgument, "predictor: ", weights_.hidden, " hidden values and ", weights_.token_width,
         " for a token's id must be from 1 to ", kMostWidth);
  }
  const std::vector<int32_t>& tokens = weights_.tokens;
  if (std::adjacent_find(tokens.begin(), tokens.end(), std::greater_equal<>()) != tokens.end()) {
    fail(ErrorCode::kInvalidArgument, "predictor: token ids must rise");
  }
  const auto hidden = static_cast<size_t>(weights_.hidden);
  const auto token_width = static_cast<size_t>(weights_.token_width);
  const size_t lengths = kLongestMatch + 1;
  check(weights_.current, (tokens.size() + 1) * token_width, "current");
  check(weights_.previous, (tokens.size() + 1) * token_width, "previous");
  check(weights_.current_matrix, token_width * hidden, "current_matrix");
  check(weights_.previous_matrix, token_width * hidden, "previous_matrix");
  check(weights_.lengths, lengths * hidden, "lengths");
  check(weights_.hidden_bias, hidden, "hidden_bias");
  check(weights_.views, kHiddenViews.size() * shape.outputs() * hidden, "views");
  check(weights_.output, hidden * shape.outputs(), "output");
  check(weights_.output_bias, shape.outputs(), "output_bias");
  check(weights_.direct, kRouteViews * lengths * shape.outputs(), "direct");
}

uint64_t RoutePredictor::bytes() const {
  const RouteWeights& w = weights_;
  const size_t floats = w.current.size() + w.previous.size() + w.current_matrix.size() + w.previous_matrix.size() +
                        w.lengths.size() + w.hidden_bias.size() + w.views.size() + w.output.size() +
                        w.output_bias.size() + w.direct.size();
  return floats * sizeof(float) + w.tokens.size() * sizeof(int32_t);
}

size_t RoutePredictor::row_of(int32_t token) const {
  const auto found = std::lower_bound(weights_.tokens.begin(), weights_.tokens.end(), token);
  if (found == weights_.tokens.end() || *found != token) return 0;
  return static_cast<size_t>(found - weights_.tokens.begin()) + 1;
}

void RoutePredictor::predict(const RouteHistory& history, size_t position, int32_t token, const RouteMatch& match,
                             RouteScratch& scratch, std::span<float> probabilities) const {
  scratch.views.resize(kRouteViews * weights_.shape.outputs());
  route_features(history, position, match, scratch.views);
  evaluate(token, history.token(static_cast<int64_t>(position) - 1), match.length, scratch.views, scratch.hidden,
           probabilities);
}

void RoutePredictor::evaluate(int32_t token, int32_t before, int32_t match_length, std::span<const float> views,
                              std::vector<float>& hidden, std::span<float> probabilities) const {
  const RouteWeights& w = weights_;
  const size_t outputs = w.shape.outputs();
  const auto width = static_cast<size_t>(w.hidden);
  const auto length = static_cast<size_t>(match_length);
  hidden = w.hidden_bias;
  const auto token_width = static_cast<size_t>(w.token_width);
  const float* current = w.current.data() + row_of(token) * token_width;
  const float* previous = w.previous.data() + row_of(before) * token_width;
  for (size_t i = 0; i < token_width; ++i) {
    add_scaled(hidden.data(), w.current_matrix.data() + i * width, current[i], width);
    add_scaled(hidden.data(), w.previous_matrix.data() + i * width, previous[i], width);
  }
  add_scaled(hidden.data(), w.lengths.data() + length * width, 1, width);
  // Views are mostly zeros.
  for (size_t i = 0; i < kHiddenViews.size(); ++i) {
    const float* view = views.data() + kHiddenViews[i] * outputs;
    const float* matrix = w.views.data() + i * outputs * width;
    for (size_t e = 0; e < outputs; ++e) {
      if (view[e] != 0) add_scaled(hidden.data(), matrix + e * width, view[e], width);
    }
  }
  float* logits = probabilities.data();
  std::copy(w.output_bias.begin(), w.output_bias.end(), logits);
  for (size_t h = 0; h < width; ++h) {
    if (hidden[h] > 0) add_scaled(logits, w.output.data() + h * outputs, hidden[h], outputs);
  }
  for (size_t view = 0; view < kRouteViews; ++view) {
    const float* x = views.data() + view * outputs;
    const float* factor = w.direct.data() + (view * (kLongestMatch + 1) + length) * outputs;
    for (size_t e = 0; e < outputs; ++e) logits[e] += factor[e] * x[e];
  }
  for (size_t e = 0; e < outputs; ++e) logits[e] = 1 / (1 + std::exp(-logits[e]));
}

}  // namespace moeflow
