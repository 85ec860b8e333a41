// What a GGUF file does not say about its architecture: the table that llama.cpp and Hugging Face's configurations keep
// in code. Sources stand beside the entries in architecture.cpp.
#pragma once

#include <string_view>

namespace moeflow {

enum class RopePairs { kInterleaved /* (2i, 2i + 1) */, kHalves /* (i, i + d/2) */ };
enum class QueryKeyNorm { kNone, kPerHead, kFullWidth };
enum class Attention { kGrouped, kLatent /* multi-head latent attention */ };
enum class Activation { kSilu, kClampedSwiglu };

// How router logits become the weights of the chosen experts.
enum class RouterScores {
  kSoftmaxOverAll,     // softmax, then choose
  kSoftmaxOverChosen,  // choose by logit, softmax over the chosen
  kByKey,              // expert_gating_func: 1 softmax over all, 2 sigmoid
};
enum class WeightNorm { kNever, kAlways, kByKey /* expert_weights_norm */ };

struct Architecture {
  std::string_view name;
  Attention attention = Attention::kGrouped;
  RopePairs rope = RopePairs::kHalves;
  QueryKeyNorm query_key_norm = QueryKeyNorm::kNone;
  RouterScores scores = RouterScores::kSoftmaxOverAll;
  WeightNorm weight_norm = WeightNorm::kNever;
  bool sigmoid_by_default = false;  // kByKey without the key
  Activation activation = Activation::kSilu;
  std::string_view feed_forward_norm = "ffn_norm";  // tensor name of the norm before the experts
  std::string_view expert_width_key = "expert_feed_forward_length";
  bool window_on_even_layers = false;  // sliding window on layers 0, 2, ...
  bool gated_shared_expert = false;    // shared output times sigmoid(ffn_gate_inp_shexp . x)
};

// nullptr for an architecture that is not in the table.
const Architecture* find_architecture(std::string_view name);

// "deepseek2, glm4moe, ..." for messages.
const char* known_architectures();

}  // namespace moeflow
