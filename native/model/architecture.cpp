#include "model/architecture.h"

#include <array>
#include <string>

namespace moeflow {
namespace {

// Sources: config.json of the published models and their modelling code in Hugging Face transformers; the tensor and
// rope conventions are those of llama.cpp's converter (convert_hf_to_gguf.py) and llama-model.cpp.
constexpr auto kArchitectures = std::to_array<Architecture>({
    {
        .name = "deepseek2",  // DeepSeek-V2: softmax; V3: sigmoid, selection bias, groups (DeepseekV3TopkRouter)
        .attention = Attention::kLatent,
        .rope = RopePairs::kInterleaved,
        .scores = RouterScores::kByKey,
        .weight_norm = WeightNorm::kByKey,
    },
    {
        .name = "glm4moe",  // Glm4MoeTopkRouter: as DeepSeek-V3; q/k norm where the file has it
        .query_key_norm = QueryKeyNorm::kPerHead,
        .scores = RouterScores::kByKey,
        .weight_norm = WeightNorm::kByKey,
        .sigmoid_by_default = true,
        .feed_forward_norm = "post_attention_norm",
    },
    {
        .name = "gpt-oss",  // GptOssTopKRouter, GptOssExperts: alpha 1.702, limit 7
        .scores = RouterScores::kSoftmaxOverChosen,
        .activation = Activation::kClampedSwiglu,
        .feed_forward_norm = "post_attention_norm",
        .window_on_even_layers = true,
    },
    {
        .name = "granitemoe",  // GraniteMoeTopKGating; q and k rows permuted by the converter
        .rope = RopePairs::kInterleaved,
        .scores = RouterScores::kSoftmaxOverChosen,
        .expert_width_key = "feed_forward_length",
    },
    {
        .name = "llama",  // MixtralTopKRouter: normalised over the chosen; q and k rows permuted by the converter
        .rope = RopePairs::kInterleaved,
        .weight_norm = WeightNorm::kAlways,
        .expert_width_key = "feed_forward_length",
    },
    {
        .name = "olmoe",  // OlmoeTopKRouter with norm_topk_prob false in every published model
        .query_key_norm = QueryKeyNorm::kFullWidth,
        .expert_width_key = "feed_forward_length",
    },
    {
        .name = "qwen2moe",  // Qwen2MoeTopKRouter with norm_topk_prob false in every published model
        .gated_shared_expert = true,
    },
    {
        .name = "qwen3moe",  // Qwen3MoeTopKRouter with norm_topk_prob true in every published model
        .query_key_norm = QueryKeyNorm::kPerHead,
        .weight_norm = WeightNorm::kAlways,
    },
});

}  // namespace

const Architecture* find_architecture(std::string_view name) {
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.name == name) return &architecture;
  }
  return nullptr;
}

const char* known_architectures() {
  static const std::string names = [] {
    std::string joined;
    for (const Architecture& a : kArchitectures) joined += (joined.empty() ? "" : ", ") + std::string(a.name);
    return joined;
  }();
  return names.c_str();
}

}  // namespace moeflow
