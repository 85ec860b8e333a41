// The numbers of one model: its file's hyperparameters, checked, with what the architecture's table adds.
#pragma once

#include <cstdint>
#include <string>

#include "gguf/model_files.h"
#include "model/architecture.h"

namespace moeflow {

struct RopeConfig {
  int dims = 0;  // rotated dimensions of a head
  float base = 10000.0F;
  float frequency_scale = 1.0F;  // linear and YaRN: 1 / factor
  bool yarn = false;
  int original_context = 0;
  float beta_fast = 32.0F;
  float beta_slow = 1.0F;
  float magnitude = 1.0F;  // factor on cos and sin
};

struct RouterConfig {
  int experts = 0;  // 0: the model has no expert layers
  int used = 0;     // experts per token, k
  bool sigmoid = false;
  bool softmax_over_chosen = false;
  bool normalize = false;
  float scale = 1.0F;
  int groups = 1;
  int groups_used = 1;
};

struct ModelConfig {
  const Architecture* architecture = nullptr;
  std::string name;
  int layers = 0;  // blocks that are run; trailing prediction blocks are not counted
  int leading_dense_layers = 0;
  int width = 0;           // embedding length
  int context_length = 0;  // that the model was trained for
  int vocabulary = 0;
  float norm_epsilon = 0.0F;

  // Attention. For latent attention keys and values are the compressed ones: one key/value head of
  // latent_rank + rope dims, whose first latent_rank are the value.
  int heads = 0;
  int kv_heads = 0;
  int key_dim = 0;    // per head, as cached
  int value_dim = 0;  // per head, as cached
  float attention_scale = 1.0F;
  int window = 0;  // sliding window in tokens, 0: none
  RopeConfig rope;
  int query_rank = 0;  // latent attention: rank of the query's factorisation, 0: none
  int latent_rank = 0;
  int nope_dim = 0;        // latent attention: unrotated part of a query head
  int head_value_dim = 0;  // latent attention: value head after expansion

  // Feed-forward.
  int dense_width = 0;  // of layers without experts
  int expert_width = 0;
  int shared_width = 0;  // of the shared experts together, 0: none
  RouterConfig router;

  // Granite's multipliers, 1 elsewhere.
  float embedding_scale = 1.0F;
  float residual_scale = 1.0F;
  float logit_scale = 1.0F;

  bool has_experts(int layer) const { return layer >= leading_dense_layers; }
  bool has_window(int layer) const { return window > 0 && layer % 2 == 0; }
};

// Reads and checks the hyperparameters. Throws Error(kUnsupported) for an architecture or a feature that moeflow does
// not run, Error(kInvalidFile) naming file and key for what is missing or impossible.
ModelConfig read_config(const gguf::ModelFiles& files);

}  // namespace moeflow
