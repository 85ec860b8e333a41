#include "model/lookahead.h"

#include <algorithm>
#include <chrono>

#include "model/products.h"
#include "model/router.h"

namespace moeflow {
namespace {

// "Gate ahead": a later layer's norm and router applied to what this layer's experts read. A layer changes the residual
// stream little, so most of its choices come true (Eliseev and Mazur 2023, "speculative loading").
// `ahead`: how many layers less one.
void route_ahead(const Step& step, int layer, size_t ahead) {
  const LayerWeights& later = step.model.weights.layers[static_cast<size_t>(layer)];
  const RouterConfig& router = step.config().router;
  Workspace& space = step.space;
  const int64_t rows = step.batch.rows();
  const int64_t width = step.config().width;
  for_each_row(step, rows, [&](int64_t r, int) {
    step.kernels.rms_norm(space.hidden.row(r), later.feed_forward_norm, step.config().norm_epsilon, width,
                          space.ahead.row(r));
    if (reads_quantized(step, later.router)) {
      step.kernels.quantize(space.ahead.row(r), 0, width, width, space.ahead.quantized_row(r));
    }
  });
  // This layer's own logits are no longer needed.
  float* logits = space.router_logits.as<float>();
  const auto row_floats = static_cast<size_t>(router.experts) * 3;
  const Product product[] = {{later.router, space.ahead.view(), logits, row_floats, rows, later.router_bias}};
  run_products(step, product);
  const auto expert_layers = static_cast<size_t>(step.config().layers - step.config().leading_dense_layers);
  const size_t expert_layer = static_cast<size_t>(layer - step.config().leading_dense_layers);
  const auto used = static_cast<size_t>(router.used);
  const size_t place = ahead * expert_layers + expert_layer;
  int32_t* ids = space.ahead_ids.data() + place * static_cast<size_t>(space.ahead_rows) * used;
  space.ahead_layers.push_back(static_cast<int32_t>(place));
  for (int64_t r = 0; r < rows; ++r) {
    float* row = logits + static_cast<size_t>(r) * row_floats;
    route(router, row, later.selection_bias, row + router.experts, ids + r * router.used, space.ahead_weights.data());
  }
  // Every row's first choice, then every row's second.
  std::vector<int32_t>& foreseen = space.foreseen[ahead];
  foreseen.clear();
  const auto choices = static_cast<size_t>(rows) * used;
  for (size_t k = 0; k < used; ++k) {
    for (size_t at = k; at < choices; at += used) {
      const int32_t expert = ids[at];
      if (std::find(foreseen.begin(), foreseen.end(), expert) == foreseen.end()) foreseen.push_back(expert);
    }
  }
}

// Null as long as nothing has come. What has just come is passed on, for the layers from `first` on.
const LayerForecasts* look_at_forecast(const Step& step, int first) {
  Forecast* forecast = step.batch.forecast;
  const LayerForecasts* content = forecast ? forecast->look() : nullptr;
  if (content && forecast->is_news()) {
    for (int layer = first; layer < step.config().layers; ++layer) {
      const auto l = static_cast<size_t>(layer);
      step.experts.foresee(layer, content->probabilities[l], content->later[l]);
    }
  }
  return content;
}

void collect_hints(const Step& step, int layer) {
  Workspace& space = step.space;
  const int first = std::max(layer + 1, step.config().leading_dense_layers);
  if (step.batch.rows() > space.ahead_rows) {
    if (first < step.config().layers) space.hints.push_back({first, space.everyone, true});
    return;
  }
  const LayerForecasts* forecast = look_at_forecast(step, first);
  const bool routed = layer >= step.config().leading_dense_layers;
  for (int later = first; later < step.config().layers; ++later) {
    const auto ahead = static_cast<size_t>(later - first);
    if (routed && later - first < step.layers_ahead) {
      route_ahead(step, later, ahead);
      space.hints.push_back({later, space.foreseen[ahead], true});
    } else if (forecast) {
      space.hints.push_back({later, forecast->probable[static_cast<size_t>(later)], false});
    } else if (!step.batch.predicted.empty()) {
      space.hints.push_back({later, step.batch.predicted[static_cast<size_t>(later)], true});
    } else {
      return;
    }
  }
}

}  // namespace

void look_ahead(const Step& step, int layer) {
  step.space.hints.clear();
  if (!step.experts.takes_hints()) return;
  const auto start = std::chrono::steady_clock::now();
  collect_hints(step, layer);
  step.space.looking_ahead += std::chrono::steady_clock::now() - start;
}

void look_back(const Step& step) {
  Workspace& space = step.space;
  const auto expert_layers = static_cast<size_t>(step.config().layers - step.config().leading_dense_layers);
  const auto used = static_cast<size_t>(step.config().router.used);
  for (const int32_t place : space.ahead_layers) {
    const int32_t* ids =
        space.ahead_ids.data() + static_cast<size_t>(place) * static_cast<size_t>(space.ahead_rows) * used;
    GateAheadCount& count = space.gate_ahead[static_cast<size_t>(place) / expert_layers];
    for (size_t row = 0; row < static_cast<size_t>(step.batch.rows()); ++row) {
      const int32_t* chosen =
          space.expert_ids.data() + (row * expert_layers + static_cast<size_t>(place) % expert_layers) * used;
      for (size_t k = 0; k < used; ++k)
        count.right += std::count(chosen, chosen + used, ids[row * used + k]) > 0 ? 1 : 0;
    }
    count.choices += static_cast<uint64_t>(step.batch.rows()) * used;
  }
  space.ahead_layers.clear();
}

void give_hints(const Step& step) {
  const bool for_prompt = step.batch.is_prompt();
  for (const Hint& hint : step.space.hints) {
    const bool room = hint.sure ? step.experts.expect(hint.layer, hint.experts, for_prompt)
                                : step.experts.fetch_ahead(hint.layer, hint.experts, for_prompt);
    if (!room) return;
  }
}

}  // namespace moeflow
