#include "model/lookahead.h"

#include <algorithm>

#include "model/products.h"
#include "model/router.h"

namespace moeflow {
namespace {

// "Gate ahead": the next layer's norm and router applied to what this layer's experts read. A layer changes the
// residual stream little, so most of its choices come true (Eliseev and Mazur 2023, "speculative loading").
void route_ahead(const Step& step, const LayerWeights& next) {
  const RouterConfig& router = step.config().router;
  Workspace& space = step.space;
  const int64_t rows = step.batch.rows();
  const int64_t width = step.config().width;
  for_each_row(step, rows, [&](int64_t r, int) {
    step.kernels.rms_norm(space.hidden.row(r), next.feed_forward_norm, step.config().norm_epsilon, width,
                          space.ahead.row(r));
    if (reads_quantized(step, next.router)) {
      step.kernels.quantize(space.ahead.row(r), 0, width, width, space.ahead.quantized_row(r));
    }
  });
  // This layer's own logits are no longer needed.
  float* logits = space.router_logits.as<float>();
  const auto row_floats = static_cast<size_t>(router.experts) * 3;
  const Product product[] = {{next.router, space.ahead.view(), logits, row_floats, rows, next.router_bias}};
  run_products(step, product);
  for (int64_t r = 0; r < rows; ++r) {
    float* row = logits + static_cast<size_t>(r) * row_floats;
    route(router, row, next.selection_bias, row + router.experts, space.ahead_ids.data() + r * router.used,
          space.ahead_weights.data());
  }
}

}  // namespace

std::span<const int32_t> foresee_next_layer(const Step& step, int layer) {
  Workspace& space = step.space;
  space.foreseen.clear();
  if (!step.experts.takes_hints() || layer + 1 >= step.config().layers) return space.foreseen;
  if (step.batch.rows() > space.ahead_rows) return space.everyone;
  route_ahead(step, step.model.weights.layers[static_cast<size_t>(layer) + 1]);
  // Every row's first choice, then every row's second.
  const auto used = static_cast<size_t>(step.config().router.used);
  const auto choices = static_cast<size_t>(step.batch.rows()) * used;
  for (size_t k = 0; k < used; ++k) {
    for (size_t at = k; at < choices; at += used) {
      const int32_t expert = space.ahead_ids[at];
      if (std::find(space.foreseen.begin(), space.foreseen.end(), expert) == space.foreseen.end())
        space.foreseen.push_back(expert);
    }
  }
  return space.foreseen;
}

}  // namespace moeflow
