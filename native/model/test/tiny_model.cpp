#include "model/test/tiny_model.h"

#include <cmath>

namespace moeflow::test {
namespace {

uint64_t u(int value) { return static_cast<uint64_t>(value); }

}  // namespace

TinyModel::TinyModel(const TinyOptions& options) : options_(options), random_(options.seed) {
  add_keys();
  add_vector("token_embd.weight", {kWidth, kVocabulary}, 0.0F, 1.0F);
  add_vector("output_norm.weight", {kWidth}, 1.0F, 0.1F);
  if (!is("granitemoe")) add_matrix("output.weight", {kWidth, kVocabulary});
  const bool post = is("gpt-oss") || is("glm4moe");
  for (int layer = 0; layer < options_.layers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    add_vector(block + "attn_norm.weight", {kWidth}, 1.0F, 0.1F);
    is("deepseek2") ? add_latent_attention(block) : add_attention(block);
    add_vector(block + (post ? "post_attention_norm.weight" : "ffn_norm.weight"), {kWidth}, 1.0F, 0.1F);
    if (layer >= options_.leading_dense) {
      add_experts(block);
      continue;
    }
    add_matrix(block + "ffn_gate.weight", {kWidth, kDenseWidth});
    add_matrix(block + "ffn_up.weight", {kWidth, kDenseWidth});
    add_matrix(block + "ffn_down.weight", {kDenseWidth, kWidth});
  }
}

void TinyModel::add_keys() {
  const std::string prefix = options_.architecture + ".";
  const auto number = [&](const char* key, int value) { keys.u32(prefix + key, static_cast<uint32_t>(value)); };
  const bool plain_width = is("llama") || is("olmoe") || is("granitemoe");
  keys.text("general.architecture", options_.architecture);
  number("block_count", options_.layers);
  number("embedding_length", kWidth);
  number("context_length", options_.context);
  number("attention.head_count", kHeads);
  keys.f32(prefix + "attention.layer_norm_rms_epsilon", kEpsilon);
  number("expert_count", options_.experts);
  number("expert_used_count", options_.used);
  number("feed_forward_length", plain_width ? kExpertWidth : kDenseWidth);
  if (!plain_width) number("expert_feed_forward_length", kExpertWidth);
  if (options_.leading_dense > 0) number("leading_dense_block_count", options_.leading_dense);
  if (is("deepseek2")) {
    number("attention.head_count_kv", 1);
    number("attention.kv_lora_rank", options_.latent_rank);
    number("rope.dimension_count", kLatentRope);
    number("attention.key_length", options_.latent_rank + kLatentRope);
    number("attention.value_length", options_.latent_rank);
    number("attention.key_length_mla", kHeadDim + kLatentRope);
    number("attention.value_length_mla", kHeadDim);
  } else {
    number("attention.head_count_kv", kKvHeads);
    number("attention.key_length", kHeadDim);
    number("attention.value_length", kHeadDim);
  }
  if (is("qwen2moe")) number("expert_shared_feed_forward_length", kDenseWidth);
  if (is("gpt-oss")) {
    number("attention.sliding_window", kGptOssWindow);
    keys.text(prefix + "rope.scaling.type", "yarn").f32(prefix + "rope.scaling.factor", 4.0F);
    number("rope.scaling.original_context_length", 32);
  }
  if (is("granitemoe")) {
    keys.f32(prefix + "embedding_scale", 3.0F).f32(prefix + "residual_scale", 0.5F);
    keys.f32(prefix + "logit_scale", 2.0F).f32(prefix + "attention.scale", 0.2F);
  }
  if (is("glm4moe")) {
    number("rope.dimension_count", kHeadDim / 2);
    number("expert_gating_func", 2);
    number("expert_group_count", 2);
    number("expert_group_used_count", 1);
    number("expert_shared_count", 1);
    keys.boolean(prefix + "expert_weights_norm", true).f32(prefix + "expert_weights_scale", 1.5F);
  }
}

void TinyModel::add_attention(const std::string& block) {
  add_matrix(block + "attn_q.weight", {kWidth, kHeads * kHeadDim}, 1.5F);
  add_matrix(block + "attn_k.weight", {kWidth, kKvHeads * kHeadDim}, 1.5F);
  add_matrix(block + "attn_v.weight", {kWidth, kKvHeads * kHeadDim});
  add_matrix(block + "attn_output.weight", {kHeads * kHeadDim, kWidth});
  if (is("qwen3moe") || is("glm4moe")) {
    add_vector(block + "attn_q_norm.weight", {kHeadDim}, 1.0F, 0.1F);
    add_vector(block + "attn_k_norm.weight", {kHeadDim}, 1.0F, 0.1F);
  }
  if (is("olmoe")) {
    add_vector(block + "attn_q_norm.weight", {kHeads * kHeadDim}, 1.0F, 0.1F);
    add_vector(block + "attn_k_norm.weight", {kKvHeads * kHeadDim}, 1.0F, 0.1F);
  }
  if (is("qwen2moe") || is("gpt-oss")) {
    add_vector(block + "attn_q.bias", {kHeads * kHeadDim}, 0.0F, 0.2F);
    add_vector(block + "attn_k.bias", {kKvHeads * kHeadDim}, 0.0F, 0.2F);
    add_vector(block + "attn_v.bias", {kKvHeads * kHeadDim}, 0.0F, 0.2F);
  }
  if (is("gpt-oss")) {
    add_vector(block + "attn_output.bias", {kWidth}, 0.0F, 0.2F);
    add_vector(block + "attn_sinks.weight", {kHeads}, 0.0F, 1.0F);
  }
}

void TinyModel::add_latent_attention(const std::string& block) {
  const uint64_t rank = u(options_.latent_rank);
  add_matrix(block + "attn_q.weight", {kWidth, kHeads * (kHeadDim + kLatentRope)}, 1.5F);
  add_matrix(block + "attn_kv_a_mqa.weight", {kWidth, rank + kLatentRope});
  add_vector(block + "attn_kv_a_norm.weight", {rank}, 1.0F, 0.1F);
  add_vector(block + "attn_k_b.weight", {kHeadDim, rank, kHeads}, 0.0F, 0.2F);
  add_matrix(block + "attn_v_b.weight", {rank, kHeadDim, kHeads});
  add_matrix(block + "attn_output.weight", {kHeads * kHeadDim, kWidth});
}

void TinyModel::add_experts(const std::string& block) {
  const uint64_t experts = u(options_.experts);
  add_vector(block + "ffn_gate_inp.weight", {kWidth, experts}, 0.0F, 0.2F);
  add_matrix(block + "ffn_gate_exps.weight", {kWidth, kExpertWidth, experts}, 1.5F);
  add_matrix(block + "ffn_up_exps.weight", {kWidth, kExpertWidth, experts});
  add_matrix(block + "ffn_down_exps.weight", {kExpertWidth, kWidth, experts});
  if (is("gpt-oss")) {
    add_vector(block + "ffn_gate_inp.bias", {experts}, 0.0F, 0.2F);
    add_vector(block + "ffn_gate_exps.bias", {kExpertWidth, experts}, 0.0F, 0.2F);
    add_vector(block + "ffn_up_exps.bias", {kExpertWidth, experts}, 0.0F, 0.2F);
    add_vector(block + "ffn_down_exps.bias", {kWidth, experts}, 0.0F, 0.2F);
  }
  if (is("glm4moe")) add_vector(block + "exp_probs_b.bias", {experts}, 0.0F, 0.2F);
  if (is("glm4moe") || is("qwen2moe")) {
    const uint64_t inner = is("glm4moe") ? kExpertWidth : kDenseWidth;
    add_matrix(block + "ffn_gate_shexp.weight", {kWidth, inner});
    add_matrix(block + "ffn_up_shexp.weight", {kWidth, inner});
    add_matrix(block + "ffn_down_shexp.weight", {inner, kWidth});
  }
  if (is("qwen2moe")) add_vector(block + "ffn_gate_inp_shexp.weight", {kWidth}, 0.0F, 0.2F);
}

// Uniform in place of truly normal, of the same deviation, and the same on every platform.
float TinyModel::normal(float deviation) {
  return (static_cast<float>(random_() >> 8) * 0x1p-23F - 1.0F) * 1.7320508F * deviation;
}

void TinyModel::add_vector(const std::string& name, std::vector<uint64_t> dims, float mean, float deviation) {
  TinyTensor& tensor = tensors[name];
  tensor.dims = std::move(dims);
  uint64_t count = 1;
  for (const uint64_t dim : tensor.dims) count *= dim;
  for (uint64_t i = 0; i < count; ++i) tensor.values.push_back(mean + normal(deviation));
}

void TinyModel::add_matrix(const std::string& name, std::vector<uint64_t> dims, float gain) {
  const float deviation = gain / std::sqrt(static_cast<float>(dims[0]));
  add_vector(name, std::move(dims), 0.0F, deviation);
  TinyTensor& tensor = tensors[name];
  if (!options_.q8_0) return;
  // A block is a scale, here a power of two from 2^-9 to 2^-11, as a half, and 32 signed bytes.
  for (size_t at = 0; at < tensor.values.size(); at += 32) {
    const int exponent = 9 + static_cast<int>(random_() % 3);
    tensor.blocks += gguf::test::raw(static_cast<uint16_t>((15 - exponent) << 10));
    for (size_t i = at; i < at + 32; ++i) {
      const int q = static_cast<int>(random_() % 255) - 127;
      tensor.blocks += static_cast<char>(q);
      tensor.values[i] = std::ldexp(static_cast<float>(q), -exponent);
    }
  }
}

std::string TinyModel::file() const {
  gguf::test::GgufBytes gguf = keys;
  for (const auto& [name, tensor] : tensors) {
    std::string data = tensor.blocks;
    if (data.empty())
      data.assign(reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size() * sizeof(float));
    gguf::test::TensorEntry entry;
    entry.name = name;
    entry.dims = tensor.dims;
    entry.type = tensor.blocks.empty() ? 0 : 8;
    entry.data = std::move(data);
    gguf.tensor(std::move(entry));
  }
  return gguf.file();
}

}  // namespace moeflow::test
