// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1) in its absorbed form: the cache holds the
// compressed latent and the shared rotated key, and the key and value expansions are applied to queries and results.
#include "model/attention.h"
#include "model/products.h"

namespace moeflow {
namespace {

void quantize_rows(const Step& step, const ActivationBuffer& rows) {
  for_each_row(step, step.batch.rows(), [&](int64_t r, int) {
    step.kernels.quantize(rows.row(r), 0, rows.cols(), rows.cols(), rows.quantized_row(r));
  });
}

Product product(const Step& step, const Matrix& weights, const ActivationBuffer& x, const ActivationBuffer& y) {
  return {weights, x.view(), y.row(0), static_cast<size_t>(y.cols()), step.batch.rows(), nullptr};
}

// One head's slice of a row of `buffer`, as the activations of a product per head.
Activations head_view(const Step& step, const Matrix& weights, const ActivationBuffer& buffer, int64_t row,
                      int64_t first, ThreadScratch& scratch) {
  const float* values = buffer.row(row) + first;
  const QuantizedRowLayout layout(weights.cols);
  if (reads_quantized(step, weights))
    step.kernels.quantize(values, 0, weights.cols, weights.cols, scratch.gate.bytes());
  return {values, static_cast<size_t>(weights.cols), scratch.gate.bytes(), layout.bytes};
}

// y[head] = weights[head] . x[head] for every head of one row.
void expand_heads(const Step& step, const std::vector<Matrix>& weights, const ActivationBuffer& x, int64_t x_stride,
                  const ActivationBuffer& y, int64_t y_stride, int64_t row, int thread) {
  ThreadScratch& scratch = step.space.threads[static_cast<size_t>(thread)];
  for (size_t head = 0; head < weights.size(); ++head) {
    MatmulArgs args;
    args.weights = weights[head];
    args.row_end = weights[head].rows;
    args.activations = head_view(step, weights[head], x, row, static_cast<int64_t>(head) * x_stride, scratch);
    args.token_count = 1;
    args.y = y.row(row) + static_cast<int64_t>(head) * y_stride;
    args.scratch = scratch.matmul.bytes();
    step.kernels.matmul(args);
  }
}

void project_queries(const Step& step, const AttentionWeights& w) {
  Workspace& space = step.space;
  if (!w.query_down) {
    const Product whole[] = {product(step, w.query, space.normed, space.query),
                             product(step, w.latent, space.normed, space.key)};
    run_products(step, whole);
    return;
  }
  const Product down[] = {product(step, w.query_down, space.normed, space.query_rank),
                          product(step, w.latent, space.normed, space.key)};
  run_products(step, down);
  for_each_row(step, step.batch.rows(), [&](int64_t r, int) {
    float* rank = space.query_rank.row(r);
    step.kernels.rms_norm(rank, w.query_down_norm, step.config().norm_epsilon, space.query_rank.cols(), rank);
  });
  if (reads_quantized(step, w.query)) quantize_rows(step, space.query_rank);
  const Product up[] = {product(step, w.query, space.query_rank, space.query)};
  run_products(step, up);
}

}  // namespace

void latent_attention(const Step& step, int layer) {
  const ModelConfig& config = step.config();
  const AttentionWeights& w = step.model.weights.layers[static_cast<size_t>(layer)].attention;
  Workspace& space = step.space;
  const int64_t rows = step.batch.rows();
  const int head_dim = config.nope_dim + config.rope.dims;
  project_queries(step, w);

  for_each_row(step, rows, [&](int64_t r, int thread) {
    const int position = step.batch.positions[static_cast<size_t>(r)];
    float* latent = space.key.row(r);
    step.kernels.rms_norm(latent, w.latent_norm, config.norm_epsilon, config.latent_rank, latent);
    step.model.rope->rotate(latent + config.latent_rank, position, config.architecture->rope);
    store_in_cache(step, layer, r, latent, latent);
    expand_heads(step, w.key_expand, space.query, head_dim, space.absorbed, config.key_dim, r, thread);
    for (int h = 0; h < config.heads; ++h) {
      const float* rotated = space.query.row(r) + int64_t{h} * head_dim + config.nope_dim;
      float* tail = space.absorbed.row(r) + int64_t{h} * config.key_dim + config.latent_rank;
      std::copy(rotated, rotated + config.rope.dims, tail);
      step.model.rope->rotate(tail, position, config.architecture->rope);
    }
  });

  attend(step, layer, space.absorbed, nullptr);

  for_each_row(step, rows, [&](int64_t r, int thread) {
    expand_heads(step, w.value_expand, space.attended, config.value_dim, space.expanded, config.head_value_dim, r,
                 thread);
  });
  if (reads_quantized(step, w.output)) quantize_rows(step, space.expanded);
  const Product output[] = {product(step, w.output, space.expanded, space.projected)};
  run_products(step, output);
}

}  // namespace moeflow
