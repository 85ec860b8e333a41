#include "model/forward.h"

#include "base/error.h"
#include "model/attention.h"
#include "model/feed_forward.h"
#include "model/lookahead.h"
#include "model/products.h"

namespace moeflow {
namespace {

void embed(const Step& step) {
  const ModelConfig& config = step.config();
  const Matrix& table = step.model.weights.embedding;
  for_each_row(step, step.batch.rows(), [&](int64_t r, int) {
    float* x = step.space.hidden.row(r);
    dequantize(table.type, table.row(step.batch.tokens[static_cast<size_t>(r)]), table.cols, x);
    if (config.embedding_scale != 1.0F) {
      for (int i = 0; i < config.width; ++i) x[i] *= config.embedding_scale;
    }
  });
}

// normed = norm(hidden), with its 8-bit form for quantised consumers.
void normalize(const Step& step, const float* weight) {
  Workspace& space = step.space;
  const int64_t width = step.config().width;
  for_each_row(step, step.batch.rows(), [&](int64_t r, int) {
    step.kernels.rms_norm(space.hidden.row(r), weight, step.config().norm_epsilon, width, space.normed.row(r));
    if (step.kernels.quantizes_activations && width % 32 == 0) {
      step.kernels.quantize(space.normed.row(r), 0, width, width, space.normed.quantized_row(r));
    }
  });
}

// hidden += projected, scaled where the architecture says so.
void add_residual(const Step& step) {
  const ModelConfig& config = step.config();
  for_each_row(step, step.batch.rows(), [&](int64_t r, int) {
    step.kernels.add_scaled(step.space.hidden.row(r), step.space.projected.row(r), config.residual_scale, config.width);
  });
}

void compute_logits(const Step& step) {
  const ModelConfig& config = step.config();
  const ModelWeights& weights = step.model.weights;
  Workspace& space = step.space;
  const auto wanted = static_cast<int64_t>(step.batch.logit_rows.size());
  if (wanted == 0) return;
  for_each_row(step, wanted, [&](int64_t i, int) {
    const float* x = space.hidden.row(step.batch.logit_rows[static_cast<size_t>(i)]);
    step.kernels.rms_norm(x, weights.output_norm, config.norm_epsilon, config.width, space.selected.row(i));
    if (reads_quantized(step, weights.output)) {
      step.kernels.quantize(space.selected.row(i), 0, config.width, config.width, space.selected.quantized_row(i));
    }
  });
  const auto vocabulary = static_cast<size_t>(config.vocabulary);
  float* logits = space.logits.as<float>();
  const Product product[] = {{weights.output, space.selected.view(), logits, vocabulary, wanted, nullptr}};
  run_products(step, product);
  if (config.logit_scale == 1.0F) return;
  for (size_t i = 0; i < static_cast<size_t>(wanted) * vocabulary; ++i) logits[i] /= config.logit_scale;
}

}  // namespace

void Step::check_cancelled() const {
  if (batch.cancelled && batch.cancelled->load(std::memory_order_relaxed))
    fail(ErrorCode::kCancelled, "the step was cancelled");
}

void forward(const Step& step) {
  step.space.ahead_layers.clear();  // of a step that was cancelled
  const ModelConfig& config = step.config();
  const bool latent = config.architecture->attention == Attention::kLatent;
  look_ahead(step, -1);
  give_hints(step);
  embed(step);
  for (int layer = 0; layer < config.layers; ++layer) {
    step.check_cancelled();
    const LayerWeights& w = step.model.weights.layers[static_cast<size_t>(layer)];

    normalize(step, w.attention.norm);
    latent ? latent_attention(step, layer) : grouped_attention(step, layer);
    add_residual(step);

    normalize(step, w.feed_forward_norm);
    config.has_experts(layer) ? expert_feed_forward(step, layer) : dense_feed_forward(step, layer);
    add_residual(step);
  }
  look_back(step);
  compute_logits(step);
}

}  // namespace moeflow
