// The buffers of a step, allocated once for the largest batch: no allocation happens while computing.
#pragma once

#include <array>
#include <chrono>
#include <span>
#include <vector>

#include "base/memory.h"
#include "experts/expert.h"
#include "kernels/kernels.h"
#include "model/config.h"

namespace moeflow {

// Rows of activations, as floats and, for consumers with quantised weights, as 8-bit blocks.
class ActivationBuffer {
 public:
  ActivationBuffer() = default;
  ActivationBuffer(int64_t rows, int64_t cols, const char* purpose);

  int64_t cols() const { return cols_; }
  size_t bytes() const { return values_.size() + quantized_.size(); }
  float* row(int64_t r) const { return values_.as<float>() + static_cast<size_t>(r * cols_); }
  uint8_t* quantized_row(int64_t r) const { return quantized_.bytes() + static_cast<size_t>(r) * quantized_bytes_; }
  Activations view() const {
    return {values_.as<float>(), static_cast<size_t>(cols_), quantized_.bytes(), quantized_bytes_};
  }

 private:
  int64_t cols_ = 0;
  size_t quantized_bytes_ = 0;
  AlignedBuffer values_;
  AlignedBuffer quantized_;
};

// One thread's own scratch.
struct ThreadScratch {
  AlignedBuffer matmul;
  AlignedBuffer gate;    // two times [rows][kFeedForwardRows] floats
  AlignedBuffer scores;  // [kAttentionQueries][score_stride]
  std::vector<const void*> key_tiles;
  std::vector<const void*> value_tiles;
};

// Rows of a gate or up matrix that one task computes; a multiple of 32, so that it can quantise its own result.
inline constexpr int64_t kFeedForwardRows = 128;

// One gated feed-forward network (an expert, the shared expert, a dense layer) and the rows that go through it.
struct FeedForwardJob {
  ExpertWeights weights;
  const float* gate_bias = nullptr;
  const float* up_bias = nullptr;
  const float* down_bias = nullptr;
  const int32_t* rows = nullptr;  // of the batch; null: all of them in order
  int64_t count = 0;
  float* inner = nullptr;  // [count][weights.up.rows], for float down weights
  uint8_t* inner_quantized = nullptr;
  float* output = nullptr;  // [count][width]
};

// Experts that a layer will probably ask for, the most probable first. `sure`: all of them nearly are, as far as
// anybody knows; else step.batch.forecast says how much.
struct Hint {
  int32_t layer;
  std::span<const int32_t> experts;
  bool sure;
};

// Routers are asked for so many layers ahead at most.
inline constexpr int kMostLayersAhead = 4;

// How often routers that were asked early chose as they did when their turn came.
struct GateAheadCount {
  uint64_t choices = 0;  // of experts
  uint64_t right = 0;
};
using GateAheadCounts = std::array<GateAheadCount, kMostLayersAhead>;  // [layers ahead - 1]

struct Workspace {
  // Throws Error(kOutOfMemory). `rows` is the largest batch, `logit_rows` the most rows with logits.
  Workspace(const ModelConfig& config, int rows, int logit_rows, int positions, int threads);

  // Of all buffers together.
  size_t bytes() const;

  int max_rows;
  int max_logit_rows;
  size_t score_stride;
  ActivationBuffer hidden;        // the residual stream, [rows][width]
  ActivationBuffer normed;        // [rows][width]
  ActivationBuffer query;         // [rows][heads * head dim]
  ActivationBuffer query_rank;    // latent attention: [rows][query_rank]
  ActivationBuffer absorbed;      // latent attention: [rows][heads * key_dim], queries against the compressed keys
  ActivationBuffer key;           // [rows][kv_heads * key_dim]
  ActivationBuffer value;         // [rows][kv_heads * value_dim]
  ActivationBuffer attended;      // [rows][heads * value_dim]
  ActivationBuffer expanded;      // latent attention: [rows][heads * head_value_dim]
  ActivationBuffer projected;     // [rows][width], what a half layer adds to the residual stream
  ActivationBuffer selected;      // [logit_rows][width]
  AlignedBuffer router_logits;    // [rows][3 * experts], the last two thirds are scratch
  AlignedBuffer inner_values;     // activations between up and down: floats,
  AlignedBuffer inner_quantized;  // and 8-bit blocks
  AlignedBuffer outputs;          // [rows * (k + 1)][width], one per token and expert, then the shared ones
  AlignedBuffer shared_gate;      // [rows]
  AlignedBuffer logits;           // [logit_rows][vocabulary]
  // Routing of the step: [rows][expert layers][k].
  std::vector<int32_t> expert_ids;
  std::vector<float> expert_weights;
  // Grouping of one layer's rows by expert.
  std::vector<int32_t> expert_begin;  // [experts + 1]
  std::vector<int32_t> grouped_rows;  // [rows * k] batch row of each assignment, by expert
  std::vector<int32_t> assignment;    // [rows * k] where (row, k) went
  std::vector<int32_t> chosen;        // experts that any row uses, rising
  // Looking ahead. More rows than ahead_rows use nearly every expert of a layer, whatever its router says: 86% of them
  // at twice as many uses as there are experts, if these were random.
  int ahead_rows;
  ActivationBuffer ahead;                                // [ahead_rows][width]
  std::vector<int32_t> ahead_ids;                        // [kMostLayersAhead][expert layers][ahead_rows * k]
  std::vector<int32_t> ahead_layers;                     // [kMostLayersAhead * expert layers] those asked in this step
  GateAheadCounts gate_ahead;                            // of all steps
  std::vector<float> ahead_weights;                      // [k], not used
  std::vector<std::vector<int32_t>> foreseen;            // [kMostLayersAhead] by the routers
  std::vector<int32_t> everyone;                         // all experts of a layer
  std::vector<Hint> hints;                               // the result
  std::chrono::steady_clock::duration looking_ahead{0};  // that all of this has taken
  std::vector<FeedForwardJob> jobs;                      // those of one layer that are run side by side
  std::vector<ThreadScratch> threads;
};

}  // namespace moeflow
