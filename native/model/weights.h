// The weights that are not experts, read once and kept: embeddings, attention, norms, routers, shared experts.
#pragma once

#include <vector>

#include "base/memory.h"
#include "experts/loading.h"
#include "gguf/model_files.h"
#include "kernels/kernels.h"
#include "model/config.h"

namespace moeflow {

// Float vectors are null where the architecture or the file has none.
struct AttentionWeights {
  const float* norm = nullptr;  // [width]
  // Grouped attention.
  Matrix query, key, value;  // [heads * key_dim], [kv_heads * key_dim], [kv_heads * value_dim] rows of [width]
  const float* query_bias = nullptr;
  const float* key_bias = nullptr;
  const float* value_bias = nullptr;
  const float* query_norm = nullptr;  // [key_dim], or [heads * key_dim] for olmoe
  const float* key_norm = nullptr;
  const float* sinks = nullptr;  // [heads]
  // Latent attention.
  Matrix query_down;  // [query_rank][width], null without a query factorisation (then `query` is whole)
  const float* query_down_norm = nullptr;  // [query_rank]
  Matrix latent;                           // [latent_rank + rope dims][width]
  const float* latent_norm = nullptr;      // [latent_rank]
  std::vector<Matrix> key_expand;          // per head: [latent_rank][nope_dim]
  std::vector<Matrix> value_expand;        // per head: [head_value_dim][latent_rank]
  // Both.
  Matrix output;  // [width][heads * value dim]
  const float* output_bias = nullptr;
};

struct FeedForwardWeights {
  Matrix gate, up, down;
  explicit operator bool() const { return static_cast<bool>(gate); }
};

struct LayerWeights {
  AttentionWeights attention;
  const float* feed_forward_norm = nullptr;  // [width]
  FeedForwardWeights dense;                  // layers without experts
  Matrix router;                             // [experts][width]
  const float* router_bias = nullptr;        // [experts], added to the logits
  const float* selection_bias = nullptr;     // [experts], chooses but does not weigh
  FeedForwardWeights shared;
  Matrix shared_gate;                // [1][width]
  const float* gate_bias = nullptr;  // [experts][expert_width]
  const float* up_bias = nullptr;
  const float* down_bias = nullptr;  // [experts][width]
};

class ModelWeights {
 public:
  // Finds and checks every tensor of `config`. Throws Error(kInvalidFile) naming file and tensor. Fills
  // config.vocabulary from the embedding.
  ModelWeights(const gguf::ModelFiles& files, ModelConfig& config);

  // Bytes that load() will bring in.
  uint64_t total_bytes() const { return used_bytes_; }

  void load(const std::vector<gguf::File>& files, ThreadPool& pool, const LoadControl& control, LoadedBytes& bytes);

  Matrix embedding;  // [vocabulary][width]
  Matrix output;     // [vocabulary][width]
  const float* output_norm = nullptr;
  const float* rope_factors = nullptr;  // [rope dims / 2], divisors of the frequencies, or null
  std::vector<LayerWeights> layers;

 private:
  friend class WeightFinder;

  // One head of a latent attention's key expansion, which the file holds the other way round.
  struct TransposedKey {
    Matrix rows;    // [nope_dim][latent_rank]
    float* result;  // [latent_rank][nope_dim]
  };

  uint64_t used_bytes_ = 0;
  std::vector<ReadJob> jobs_;
  std::vector<TransposedKey> transposed_;
  AlignedBuffer arena_;
  AlignedBuffer transposed_arena_;
};

}  // namespace moeflow
