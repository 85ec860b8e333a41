#include "model/workspace.h"

#include <algorithm>
#include <numeric>

namespace moeflow {

ActivationBuffer::ActivationBuffer(int64_t rows, int64_t cols, const char* purpose)
    : cols_(cols),
      quantized_bytes_(QuantizedRowLayout(cols).bytes),
      values_(static_cast<size_t>(rows * cols) * sizeof(float), purpose),
      quantized_(static_cast<size_t>(rows) * quantized_bytes_, purpose) {}

Workspace::Workspace(const ModelConfig& config, int rows, int logit_rows, int positions, int thread_count)
    : max_rows(rows), max_logit_rows(logit_rows) {
  const bool latent = config.architecture->attention == Attention::kLatent;
  const int64_t query_dim = latent ? config.nope_dim + config.rope.dims : config.key_dim;
  const auto activations = [&](int64_t cols) { return ActivationBuffer(rows, cols, "activations"); };
  score_stride = (static_cast<size_t>(positions) + 63) / 64 * 64;
  hidden = activations(config.width);
  normed = activations(config.width);
  query = activations(config.heads * query_dim);
  key = activations(int64_t{config.kv_heads} * config.key_dim);
  value = activations(int64_t{config.kv_heads} * config.value_dim);
  attended = activations(int64_t{config.heads} * config.value_dim);
  projected = activations(config.width);
  selected = ActivationBuffer(logit_rows, config.width, "activations");
  if (latent) {
    query_rank = activations(config.query_rank);
    absorbed = activations(int64_t{config.heads} * config.key_dim);
    expanded = activations(int64_t{config.heads} * config.head_value_dim);
  }

  const auto batch = static_cast<size_t>(rows);
  const auto used = static_cast<size_t>(config.router.used);
  const auto experts = static_cast<size_t>(config.router.experts);
  router_logits = AlignedBuffer(batch * 3 * experts * sizeof(float), "router logits");
  // Experts and the shared expert of one layer lie side by side; a dense layer has the buffers to itself.
  const size_t expert_values =
      used * static_cast<size_t>(config.expert_width) + static_cast<size_t>(config.shared_width);
  const size_t inner = batch * std::max(expert_values, static_cast<size_t>(config.dense_width));
  inner_values = AlignedBuffer(inner * sizeof(float), "feed-forward activations");
  const auto quantized_bytes = [](int cols) { return QuantizedRowLayout(cols).bytes; };
  inner_quantized =
      AlignedBuffer(batch * std::max(used * quantized_bytes(config.expert_width) + quantized_bytes(config.shared_width),
                                     quantized_bytes(config.dense_width)),
                    "feed-forward activations");
  outputs = AlignedBuffer(batch * (used + 1) * static_cast<size_t>(config.width) * sizeof(float), "expert outputs");
  shared_gate = AlignedBuffer(batch * sizeof(float), "shared expert gates");
  logits =
      AlignedBuffer(static_cast<size_t>(logit_rows) * static_cast<size_t>(config.vocabulary) * sizeof(float), "logits");

  const auto expert_layers = static_cast<size_t>(config.layers - config.leading_dense_layers);
  expert_ids.resize(batch * expert_layers * used);
  expert_weights.resize(batch * expert_layers * used);
  expert_begin.resize(experts + 1);
  grouped_rows.resize(batch * used);
  assignment.resize(batch * used);
  chosen.reserve(experts);
  ahead_rows = std::min(rows, 2 * config.router.experts / config.router.used);
  ahead = ActivationBuffer(ahead_rows, config.width, "activations");
  ahead_ids.resize(kMostLayersAhead * expert_layers * static_cast<size_t>(ahead_rows) * used);
  ahead_layers.reserve(kMostLayersAhead * expert_layers);
  ahead_weights.resize(used);
  foreseen.resize(kMostLayersAhead);
  for (auto& layer : foreseen) layer.reserve(experts);
  hints.reserve(static_cast<size_t>(config.layers));
  everyone.resize(experts);
  std::iota(everyone.begin(), everyone.end(), 0);
  jobs.reserve(experts + 1);

  const int64_t widest = std::max({int64_t{config.width}, int64_t{config.dense_width}, int64_t{config.expert_width},
                                   int64_t{config.shared_width}, query.cols(), attended.cols(), expanded.cols(),
                                   absorbed.cols(), int64_t{config.query_rank}, int64_t{config.latent_rank}});
  const auto tiles = static_cast<size_t>((positions + 15) / 16);
  for (int t = 0; t < thread_count; ++t) {
    ThreadScratch& scratch = threads.emplace_back();
    scratch.matmul = AlignedBuffer(matmul_scratch_bytes(widest), "matrix products");
    // Latent attention quantises a row at a time in it.
    scratch.gate =
        AlignedBuffer(std::max(2 * batch * kFeedForwardRows * sizeof(float), quantized_bytes(static_cast<int>(widest))),
                      "feed-forward activations");
    scratch.scores = AlignedBuffer(kAttentionQueries * score_stride * sizeof(float), "attention scores");
    scratch.key_tiles.resize(tiles);
    scratch.value_tiles.resize(tiles);
  }
}

size_t Workspace::bytes() const {
  size_t bytes = 0;
  for (const ActivationBuffer* buffer : {&hidden, &normed, &query, &query_rank, &absorbed, &key, &value, &attended,
                                         &expanded, &projected, &selected, &ahead}) {
    bytes += buffer->bytes();
  }
  for (const AlignedBuffer* buffer :
       {&router_logits, &inner_values, &inner_quantized, &outputs, &shared_gate, &logits}) {
    bytes += buffer->size();
  }
  for (const ThreadScratch& scratch : threads) {
    bytes += scratch.matmul.size() + scratch.gate.size() + scratch.scores.size();
  }
  return bytes;
}

}  // namespace moeflow
