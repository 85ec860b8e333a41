#include "model/config.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace moeflow {
namespace {

constexpr uint32_t kMostLayers = 4096;
constexpr uint32_t kLargestNumber = 1U << 24;  // of a width, head or expert count

// Typed access to the keys under the architecture's prefix, with bounds that keep later products from overflowing.
class Keys {
 public:
  Keys(const gguf::Metadata& metadata, std::string_view prefix) : metadata_(metadata), prefix_(prefix) {}

  std::string name(std::string_view key) const { return concat(prefix_, ".", key); }
  const gguf::Metadata& metadata() const { return metadata_; }

  [[noreturn]] void reject(std::string_view key, const std::string& why) const {
    fail(ErrorCode::kInvalidFile, metadata_.file_name(), ": ", name(key), " ", why);
  }

  int positive(std::string_view key) const { return check(key, metadata_.uint32(name(key))); }
  int positive_or(std::string_view key, int fallback) const {
    const auto value = metadata_.find_uint32(name(key));
    return value ? check(key, *value) : fallback;
  }
  int number_or(std::string_view key, int fallback) const {
    const auto value = metadata_.find_uint32(name(key));
    if (value && *value > kLargestNumber) reject(key, concat("is ", *value, ", more than any model has"));
    return value ? static_cast<int>(*value) : fallback;
  }
  int same_for_layers(std::string_view key, uint32_t layers) const {
    return check(key, metadata_.uint32_for_all_layers(name(key), layers));
  }
  int same_for_layers_or(std::string_view key, uint32_t layers, int fallback) const {
    const auto value = metadata_.find_uint32_for_all_layers(name(key), layers);
    return value ? check(key, *value) : fallback;
  }
  float finite_or(std::string_view key, float fallback) const {
    const auto value = metadata_.find_float32(name(key));
    if (value && !std::isfinite(*value)) reject(key, "is not a finite number");
    return value.value_or(fallback);
  }
  // A factor: GGUF writers leave it out or write 0 where there is none.
  float factor_or_one(std::string_view key) const {
    const float value = finite_or(key, 1.0F);
    return value == 0.0F ? 1.0F : value;
  }

 private:
  int check(std::string_view key, uint32_t value) const {
    if (value == 0) reject(key, "is 0");
    if (value > kLargestNumber) reject(key, concat("is ", value, ", more than any model has"));
    return static_cast<int>(value);
  }

  const gguf::Metadata& metadata_;
  std::string prefix_;
};

const Architecture& require_architecture(const gguf::Metadata& metadata) {
  const std::string& name = metadata.string("general.architecture");
  const Architecture* architecture = find_architecture(name);
  if (!architecture) {
    fail(ErrorCode::kUnsupported, metadata.file_name(), ": architecture ", gguf::printable(name),
         " is not supported; moeflow runs ", known_architectures());
  }
  return *architecture;
}

void read_rope(const Keys& keys, ModelConfig& config, int default_dims) {
  RopeConfig& rope = config.rope;
  rope.dims = keys.positive_or("rope.dimension_count", default_dims);
  if (rope.dims % 2 != 0 || rope.dims > default_dims) {
    keys.reject("rope.dimension_count", concat("is ", rope.dims, ", not an even number of at most ", default_dims));
  }
  rope.base = keys.finite_or("rope.freq_base", 10000.0F);
  if (rope.base <= 1.0F) keys.reject("rope.freq_base", concat("is ", rope.base, ", must be above 1"));
  const std::string type = keys.metadata().find_string(keys.name("rope.scaling.type")).value_or("none");
  if (type == "none") return;
  const float factor = keys.finite_or("rope.scaling.factor", 1.0F);
  if (factor <= 0.0F) keys.reject("rope.scaling.factor", concat("is ", factor, ", must be positive"));
  rope.frequency_scale = 1.0F / factor;
  if (!std::isfinite(rope.frequency_scale))
    keys.reject("rope.scaling.factor", concat("is ", factor, ", must be larger"));
  if (type == "linear") return;
  if (type != "yarn") {
    fail(ErrorCode::kUnsupported, keys.metadata().file_name(), ": ", keys.name("rope.scaling.type"), " ",
         gguf::printable(type), " is not supported; none, linear and yarn are");
  }
  rope.yarn = true;
  rope.original_context = keys.positive_or("rope.scaling.original_context_length", config.context_length);
  rope.beta_fast = keys.finite_or("rope.scaling.yarn_beta_fast", 32.0F);
  rope.beta_slow = keys.finite_or("rope.scaling.yarn_beta_slow", 1.0F);
  if (rope.beta_fast <= 0.0F) keys.reject("rope.scaling.yarn_beta_fast", "must be positive");
  if (rope.beta_slow <= 0.0F) keys.reject("rope.scaling.yarn_beta_slow", "must be positive");
  if (config.architecture->attention == Attention::kLatent) {
    // DeepSeek scales the attention logits instead of cos and sin (mscale equals mscale_all_dim in every release).
    const float multiplier = keys.finite_or("rope.scaling.yarn_log_multiplier", 0.0F);
    const float mscale = multiplier * std::log(factor) + 1.0F;
    config.attention_scale *= mscale * mscale;
    if (!std::isfinite(config.attention_scale))
      keys.reject("rope.scaling.yarn_log_multiplier", concat("is ", multiplier, ", too large"));
  } else {
    rope.magnitude = 0.1F * std::log(factor) + 1.0F;
  }
}

void read_grouped_attention(const Keys& keys, uint32_t blocks, ModelConfig& config) {
  config.kv_heads = keys.same_for_layers_or("attention.head_count_kv", blocks, config.heads);
  if (config.heads % config.kv_heads != 0) {
    keys.reject("attention.head_count_kv",
                concat("is ", config.kv_heads, ", which does not divide ", config.heads, " heads"));
  }
  const int default_dim = std::max(1, config.width / config.heads);
  config.key_dim = keys.positive_or("attention.key_length", default_dim);
  config.value_dim = keys.positive_or("attention.value_length", default_dim);
  config.attention_scale = 1.0F / std::sqrt(static_cast<float>(config.key_dim));
  if (const float scale = keys.finite_or("attention.scale", 0.0F); scale != 0.0F) config.attention_scale = scale;
  read_rope(keys, config, config.key_dim);
  config.window = config.architecture->window_on_even_layers ? keys.number_or("attention.sliding_window", 0) : 0;
}

void read_latent_attention(const Keys& keys, ModelConfig& config) {
  config.kv_heads = 1;
  config.query_rank = keys.number_or("attention.q_lora_rank", 0);
  config.latent_rank = keys.positive("attention.kv_lora_rank");
  const int rope_dims = keys.positive("rope.dimension_count");
  // Files from before April 2025 have no *_mla keys: there key_length is the full head.
  const bool current = keys.metadata().contains(keys.name("attention.key_length_mla"));
  const int head_dim = keys.positive(current ? "attention.key_length_mla" : "attention.key_length");
  config.head_value_dim = keys.positive(current ? "attention.value_length_mla" : "attention.value_length");
  if (rope_dims >= head_dim) {
    keys.reject("rope.dimension_count", concat("is ", rope_dims, ", but a head has only ", head_dim, " dimensions"));
  }
  config.nope_dim = head_dim - rope_dims;
  config.key_dim = config.latent_rank + rope_dims;
  config.value_dim = config.latent_rank;
  config.attention_scale = 1.0F / std::sqrt(static_cast<float>(head_dim));
  read_rope(keys, config, rope_dims);
}

void read_router(const Keys& keys, ModelConfig& config) {
  const Architecture& architecture = *config.architecture;
  RouterConfig& router = config.router;
  router.experts = keys.positive("expert_count");
  router.used = keys.positive("expert_used_count");
  if (router.used > router.experts) {
    keys.reject("expert_used_count", concat(router.used, " is more than expert_count ", router.experts));
  }
  router.softmax_over_chosen = architecture.scores == RouterScores::kSoftmaxOverChosen;
  if (architecture.scores == RouterScores::kByKey) {
    const int function = keys.number_or("expert_gating_func", 0);
    if (function > 2) {
      keys.reject("expert_gating_func", concat("is ", function, "; 1 (softmax) and 2 (sigmoid) are known"));
    }
    router.sigmoid = function == 0 ? architecture.sigmoid_by_default : function == 2;
  }
  router.normalize = architecture.weight_norm == WeightNorm::kAlways;
  if (architecture.weight_norm == WeightNorm::kByKey) {
    router.normalize = keys.metadata().find_bool(keys.name("expert_weights_norm")).value_or(false);
    router.scale = keys.factor_or_one("expert_weights_scale");
    router.groups = std::max(1, keys.number_or("expert_group_count", 1));
    router.groups_used = std::max(1, keys.number_or("expert_group_used_count", router.groups));
    if (router.experts % router.groups != 0) {
      keys.reject("expert_group_count",
                  concat("is ", router.groups, ", which does not divide ", router.experts, " experts"));
    }
    if (router.groups_used > router.groups) {
      keys.reject("expert_group_used_count",
                  concat("is ", router.groups_used, ", more than expert_group_count ", router.groups));
    }
    if (router.experts / router.groups * router.groups_used < router.used) {
      keys.reject("expert_group_used_count", concat("leaves ", router.experts / router.groups * router.groups_used,
                                                    " experts to choose ", router.used, " from"));
    }
  }
}

void read_feed_forward(const Keys& keys, uint32_t blocks, ModelConfig& config) {
  read_router(keys, config);
  config.expert_width = keys.same_for_layers(config.architecture->expert_width_key, blocks);
  config.leading_dense_layers = keys.number_or("leading_dense_block_count", 0);
  if (config.leading_dense_layers > config.layers) {
    keys.reject("leading_dense_block_count",
                concat("is ", config.leading_dense_layers, " of ", config.layers, " blocks"));
  }
  if (config.leading_dense_layers > 0) config.dense_width = keys.same_for_layers("feed_forward_length", blocks);
  if (config.architecture->gated_shared_expert) {
    config.shared_width = keys.number_or("expert_shared_feed_forward_length", 0);
  } else {
    const int64_t shared = static_cast<int64_t>(keys.number_or("expert_shared_count", 0)) * config.expert_width;
    if (shared > static_cast<int64_t>(kLargestNumber)) keys.reject("expert_shared_count", "is more than any model has");
    config.shared_width = static_cast<int>(shared);
  }
}

}  // namespace

ModelConfig read_config(const gguf::ModelFiles& files) {
  const gguf::Metadata& metadata = files.metadata;
  ModelConfig config;
  config.architecture = &require_architecture(metadata);
  config.name = metadata.find_string("general.name").value_or("");
  const Keys keys(metadata, config.architecture->name);

  const int blocks = keys.positive("block_count");
  if (static_cast<uint32_t>(blocks) > kMostLayers)
    keys.reject("block_count", concat("is ", blocks, ", more than ", kMostLayers));
  const int prediction_blocks = keys.number_or("nextn_predict_layers", 0);
  if (prediction_blocks >= blocks)
    keys.reject("nextn_predict_layers", concat("is ", prediction_blocks, " of ", blocks, " blocks"));
  config.layers = blocks - prediction_blocks;
  config.width = keys.positive("embedding_length");
  config.context_length = keys.positive("context_length");
  config.heads = keys.same_for_layers("attention.head_count", static_cast<uint32_t>(blocks));
  config.norm_epsilon = metadata.float32(keys.name("attention.layer_norm_rms_epsilon"));
  if (!(config.norm_epsilon >= 0.0F) || !std::isfinite(config.norm_epsilon)) {
    keys.reject("attention.layer_norm_rms_epsilon", "must be a finite number of at least 0");
  }

  if (config.architecture->attention == Attention::kLatent) {
    read_latent_attention(keys, config);
  } else {
    read_grouped_attention(keys, static_cast<uint32_t>(blocks), config);
  }
  if (config.value_dim % 16 != 0) {
    fail(ErrorCode::kUnsupported, metadata.file_name(), ": heads with ", config.value_dim,
         " value dimensions are not supported; multiples of 16 are");
  }
  read_feed_forward(keys, static_cast<uint32_t>(blocks), config);
  config.embedding_scale = keys.factor_or_one("embedding_scale");
  config.residual_scale = keys.factor_or_one("residual_scale");
  config.logit_scale = keys.factor_or_one("logit_scale");
  return config;
}

}  // namespace moeflow
