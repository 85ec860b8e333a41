#include "prediction/route_predictor.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "base/error.h"

namespace moeflow {
namespace {

constexpr int32_t kMostWidth = 1 << 14;

// The table's rows are multiplied beforehand, so its matrix is the last.
static_assert(kHiddenViews.back() == kTable);
static_assert(kTableBuckets == kLongestMatch + 1);
constexpr size_t kViewsPerToken = kHiddenViews.size() - 1;

void check_size(size_t size, size_t wanted, const char* name) {
  if (size == wanted) return;
  fail(ErrorCode::kInvalidArgument, "predictor: ", name, " has ", size, " values, not ", wanted);
}

void check(const std::vector<float>& values, size_t size, const char* name) {
  check_size(values.size(), size, name);
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
  check_weights();
  fold_table();
}

void RoutePredictor::check_weights() const {
  const RouteShape& shape = weights_.shape;
  check_route_shape(shape);
  const auto is_width = [](int32_t width) { return width > 0 && width <= kMostWidth; };
  if (!is_width(weights_.hidden) || !is_width(weights_.token_width)) {
    fail(ErrorCode::kInvalidArgument, "predictor: ", weights_.hidden, " hidden values and ", weights_.token_width,
         " for a token's id must be from 1 to ", kMostWidth);
  }
  for (const auto* tokens : {&weights_.tokens, &weights_.table.tokens}) {
    if (std::adjacent_find(tokens->begin(), tokens->end(), std::greater_equal<>()) == tokens->end()) continue;
    fail(ErrorCode::kInvalidArgument, "predictor: token ids must rise");
  }
  const auto hidden = static_cast<size_t>(weights_.hidden);
  const auto token_width = static_cast<size_t>(weights_.token_width);
  const size_t lengths = kLongestMatch + 1;
  const size_t answer = kRouteHeads * shape.outputs();
  check(weights_.current, (weights_.tokens.size() + 1) * token_width, "current");
  check(weights_.previous, (weights_.tokens.size() + 1) * token_width, "previous");
  check(weights_.current_matrix, token_width * hidden, "current_matrix");
  check(weights_.previous_matrix, token_width * hidden, "previous_matrix");
  check(weights_.lengths, lengths * hidden, "lengths");
  check(weights_.hidden_bias, hidden, "hidden_bias");
  check(weights_.views, kHiddenViews.size() * shape.outputs() * hidden, "views");
  check(weights_.output, hidden * answer, "output");
  check(weights_.output_bias, answer, "output_bias");
  check(weights_.direct, kRouteViews * lengths * answer, "direct");
  const TokenTable& table = weights_.table;
  check_size(table.means.size(), (table.tokens.size() + 1) * shape.outputs(), "table");
  check_size(table.buckets.size(), table.tokens.size() + 1, "table_buckets");
  const auto bad =
      std::find_if(table.buckets.begin(), table.buckets.end(), [](uint8_t b) { return b >= kTableBuckets; });
  if (bad != table.buckets.end()) {
    fail(ErrorCode::kInvalidArgument, "predictor: value ", bad - table.buckets.begin(), " of table_buckets is ",
         int{*bad}, ", must be below ", kTableBuckets);
  }
}

// Some experts at a time, whose rows of the matrix stay in the processor's cache for all tokens.
void RoutePredictor::fold_table() {
  constexpr size_t kTogether = 64;
  const size_t outputs = weights_.shape.outputs();
  const auto width = static_cast<size_t>(weights_.hidden);
  const std::vector<uint8_t>& means = weights_.table.means;
  const size_t rows = means.size() / outputs;
  const float* matrix = weights_.views.data() + kViewsPerToken * outputs * width;
  table_hidden_.resize(rows * width);
  for (size_t begin = 0; begin < outputs; begin += kTogether) {
    const size_t end = std::min(begin + kTogether, outputs);
    for (size_t row = 0; row < rows; ++row) {
      float* hidden = table_hidden_.data() + row * width;
      for (size_t e = begin; e < end; ++e) {
        const auto mean = static_cast<float>(means[row * outputs + e]);
        if (mean != 0) add_scaled(hidden, matrix + e * width, mean * kTableUnit, width);
      }
    }
  }
  weights_.views.resize(kViewsPerToken * outputs * width);
  weights_.views.shrink_to_fit();
}

uint64_t RoutePredictor::bytes() const {
  const RouteWeights& w = weights_;
  const size_t floats = w.current.size() + w.previous.size() + w.current_matrix.size() + w.previous_matrix.size() +
                        w.lengths.size() + w.hidden_bias.size() + w.views.size() + w.output.size() +
                        w.output_bias.size() + w.direct.size() + table_hidden_.size();
  const size_t ids = w.tokens.size() + w.table.tokens.size();
  return floats * sizeof(float) + ids * sizeof(int32_t) + w.table.means.size() + w.table.buckets.size();
}

void RoutePredictor::predict(const RouteHistory& history, size_t position, int32_t token, const RouteMatch& match,
                             RouteScratch& scratch, std::span<float> answer) const {
  scratch.views.resize(kHistoryViews * weights_.shape.outputs());
  route_features(history, position, match, scratch.views);
  evaluate(token, history.token(static_cast<int64_t>(position) - 1), match.length, scratch.views, scratch.hidden,
           answer);
}

void RoutePredictor::evaluate(int32_t token, int32_t before, int32_t match_length, std::span<const float> views,
                              std::vector<float>& hidden, std::span<float> answer) const {
  const RouteWeights& w = weights_;
  const size_t values = kRouteHeads * w.shape.outputs();
  const auto length = static_cast<size_t>(match_length);
  hidden = w.hidden_bias;
  add_hidden(token, before, length, views, hidden.data());
  float* logits = answer.data();
  std::copy(w.output_bias.begin(), w.output_bias.end(), logits);
  for (size_t h = 0; h < hidden.size(); ++h) {
    if (hidden[h] > 0) add_scaled(logits, w.output.data() + h * values, hidden[h], values);
  }
  add_direct(token, length, views, logits);
  for (size_t i = 0; i < values; ++i) logits[i] = 1 / (1 + std::exp(-logits[i]));
}

void RoutePredictor::add_hidden(int32_t token, int32_t before, size_t match_length, std::span<const float> views,
                                float* hidden) const {
  const RouteWeights& w = weights_;
  const size_t outputs = w.shape.outputs();
  const auto width = static_cast<size_t>(w.hidden);
  const auto token_width = static_cast<size_t>(w.token_width);
  const float* current = w.current.data() + row_of(w.tokens, token) * token_width;
  const float* previous = w.previous.data() + row_of(w.tokens, before) * token_width;
  for (size_t i = 0; i < token_width; ++i) {
    add_scaled(hidden, w.current_matrix.data() + i * width, current[i], width);
    add_scaled(hidden, w.previous_matrix.data() + i * width, previous[i], width);
  }
  add_scaled(hidden, w.lengths.data() + match_length * width, 1, width);
  // Views are mostly zeros.
  for (size_t i = 0; i < kViewsPerToken; ++i) {
    const float* view = views.data() + kHiddenViews[i] * outputs;
    const float* matrix = w.views.data() + i * outputs * width;
    for (size_t e = 0; e < outputs; ++e) {
      if (view[e] != 0) add_scaled(hidden, matrix + e * width, view[e], width);
    }
  }
  add_scaled(hidden, table_hidden_.data() + row_of(w.table.tokens, token) * width, 1, width);
}

void RoutePredictor::add_direct(int32_t token, size_t match_length, std::span<const float> views, float* logits) const {
  const RouteWeights& w = weights_;
  const size_t outputs = w.shape.outputs();
  const auto add = [&](size_t view, size_t row, auto&& value_of) {
    const float* factor = w.direct.data() + (view * (kLongestMatch + 1) + row) * kRouteHeads * outputs;
    for (size_t head = 0; head < kRouteHeads; ++head) {
      for (size_t e = 0; e < outputs; ++e) logits[head * outputs + e] += factor[head * outputs + e] * value_of(e);
    }
  };
  for (size_t view = 0; view < kHistoryViews; ++view) {
    add(view, match_length, [x = views.data() + view * outputs](size_t e) { return x[e]; });
  }
  const size_t row = row_of(w.table.tokens, token);
  const uint8_t* means = w.table.means.data() + row * outputs;
  add(kTable, w.table.buckets[row], [means](size_t e) { return static_cast<float>(means[e]) * kTableUnit; });
}

}  // namespace moeflow
