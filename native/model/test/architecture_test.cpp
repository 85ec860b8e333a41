// What each architecture does that its file does not say. The facts are those of Hugging Face transformers and
// llama.cpp's converter, gathered when the conformance models were made.
#include "model/architecture.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "model/test/metadata_of.h"

using namespace moeflow;
using namespace moeflow::test;

namespace {

struct Facts {
  const char* name;
  const char* scores;  // "all": softmax over all, "chosen": softmax over the chosen, "sigmoid"
  bool normalized;
  RopePairs rope;
  QueryKeyNorm query_key_norm;
  const char* norm_before_experts;
  int expert_width;  // 128: from feed_forward_length, 96: from expert_feed_forward_length
};

constexpr Facts kFacts[] = {
    {"qwen3moe", "all", true, RopePairs::kHalves, QueryKeyNorm::kPerHead, "ffn_norm", 96},
    {"olmoe", "all", false, RopePairs::kHalves, QueryKeyNorm::kFullWidth, "ffn_norm", 128},
    {"llama", "all", true, RopePairs::kInterleaved, QueryKeyNorm::kNone, "ffn_norm", 128},
    {"qwen2moe", "all", false, RopePairs::kHalves, QueryKeyNorm::kNone, "ffn_norm", 96},
    {"gpt-oss", "chosen", false, RopePairs::kHalves, QueryKeyNorm::kNone, "post_attention_norm", 96},
    {"granitemoe", "chosen", false, RopePairs::kInterleaved, QueryKeyNorm::kNone, "ffn_norm", 128},
    {"deepseek2", "all", false, RopePairs::kInterleaved, QueryKeyNorm::kNone, "ffn_norm", 96},
    {"glm4moe", "sigmoid", false, RopePairs::kHalves, QueryKeyNorm::kPerHead, "post_attention_norm", 96},
};

std::string scores_of(const RouterConfig& router) {
  if (router.sigmoid) return "sigmoid";
  return router.softmax_over_chosen ? "chosen" : "all";
}

}  // namespace

TEST_CASE("each architecture routes, rotates and normalises as its original does where the file says nothing") {
  for (const Facts& facts : kFacts) {
    CAPTURE(std::string(facts.name));
    const Architecture* architecture = find_architecture(facts.name);
    REQUIRE(architecture != nullptr);
    CHECK(architecture->rope == facts.rope);
    CHECK(architecture->query_key_norm == facts.query_key_norm);
    CHECK(architecture->feed_forward_norm == facts.norm_before_experts);

    const ModelConfig config = Hyperparameters(facts.name).read();
    CHECK(config.architecture == architecture);
    CHECK(scores_of(config.router) == facts.scores);
    CHECK(config.router.normalize == facts.normalized);
    CHECK(config.router.scale == 1.0F);
    CHECK(config.router.groups == 1);
    CHECK(config.router.groups_used == 1);
    CHECK(config.expert_width == facts.expert_width);
    CHECK(config.shared_width == 0);
    CHECK(config.leading_dense_layers == 0);
    CHECK(config.embedding_scale == 1.0F);
    CHECK(config.residual_scale == 1.0F);
    CHECK(config.logit_scale == 1.0F);
    CHECK_FALSE(config.rope.yarn);
  }
}

TEST_CASE("every known architecture is in the table above, and no other is known") {
  std::string names;
  for (const char* name : {"deepseek2", "glm4moe", "gpt-oss", "granitemoe", "llama", "olmoe", "qwen2moe", "qwen3moe"}) {
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  CHECK(std::string(known_architectures()) == names);
  CHECK(find_architecture("qwen3") == nullptr);
  CHECK(find_architecture("") == nullptr);
  CHECK(find_architecture("QWEN3MOE") == nullptr);
}

TEST_CASE("deepseek2 and glm4moe read the rules of routing from the file") {
  for (const char* name : {"deepseek2", "glm4moe"}) {
    Hyperparameters keys(name);
    keys.put("expert_gating_func", uint32_t{2}).put("expert_weights_norm", true).put("expert_weights_scale", 2.5F);
    keys.put("expert_group_count", uint32_t{4})
        .put("expert_group_used_count", uint32_t{2})
        .put("expert_shared_count", uint32_t{2});
    keys.put("leading_dense_block_count", uint32_t{1});
    const ModelConfig config = keys.read();
    CHECK(config.router.sigmoid);
    CHECK(config.router.normalize);
    CHECK(config.router.scale == 2.5F);
    CHECK(config.router.groups == 4);
    CHECK(config.router.groups_used == 2);
    CHECK(config.shared_width == 2 * 96);
    CHECK(config.dense_width == 128);
    CHECK_FALSE(config.has_experts(0));
    CHECK(config.has_experts(1));
    CHECK_FALSE(keys.put("expert_gating_func", uint32_t{1}).read().router.sigmoid);
    CHECK(keys.put("expert_weights_scale", 0.0F).read().router.scale == 1.0F);
  }
}

TEST_CASE("the others do not listen to keys that their originals do not have") {
  Hyperparameters keys("qwen3moe");
  keys.put("expert_weights_norm", false).put("expert_weights_scale", 3.0F).put("expert_gating_func", uint32_t{2});
  const RouterConfig router = keys.read().router;
  CHECK(router.normalize);
  CHECK(router.scale == 1.0F);
  CHECK_FALSE(router.sigmoid);
}

TEST_CASE("gpt-oss clamps its activation and has a window on even layers, only") {
  const ModelConfig config = Hyperparameters("gpt-oss").put("attention.sliding_window", uint32_t{16}).read();
  CHECK(config.architecture->activation == Activation::kClampedSwiglu);
  CHECK(config.has_window(0));
  CHECK_FALSE(config.has_window(1));
  CHECK(config.has_window(2));
  CHECK_FALSE(Hyperparameters("qwen3moe").put("attention.sliding_window", uint32_t{16}).read().has_window(0));
}

TEST_CASE("attention scores are scaled by 1/sqrt(d), or as granitemoe says") {
  CHECK(Hyperparameters("qwen3moe").read().attention_scale == 0.25F);  // heads of 64/4
  CHECK(Hyperparameters("qwen3moe").put("attention.key_length", uint32_t{64}).read().attention_scale == 0.125F);
  CHECK(Hyperparameters("granitemoe").put("attention.scale", 0.015625F).read().attention_scale == 0.015625F);
}

TEST_CASE("granitemoe's multipliers") {
  Hyperparameters keys("granitemoe");
  const ModelConfig config =
      keys.put("embedding_scale", 12.0F).put("residual_scale", 0.22F).put("logit_scale", 6.0F).read();
  CHECK(config.embedding_scale == 12.0F);
  CHECK(config.residual_scale == 0.22F);
  CHECK(config.logit_scale == 6.0F);
}

TEST_CASE(
    "latent attention caches one head of latent and rotated dimensions; files before April 2025 name heads otherwise") {
  Hyperparameters keys("deepseek2");
  const auto check = [](const ModelConfig& config) {
    CHECK(config.kv_heads == 1);
    CHECK(config.latent_rank == 32);
    CHECK(config.key_dim == 40);
    CHECK(config.value_dim == 32);
    CHECK(config.nope_dim == 16);
    CHECK(config.head_value_dim == 16);
    CHECK(config.attention_scale == doctest::Approx(1 / std::sqrt(24.0)));
  };
  check(keys.read());
  keys.remove("attention.key_length_mla").remove("attention.value_length_mla");
  check(keys.put("attention.key_length", uint32_t{24}).put("attention.value_length", uint32_t{16}).read());
}

// DeepSeek-V2: mscale_all_dim 0.707, factor 40, softmax scale times (0.1 * 0.707 * ln 40 + 1)^2. gpt-oss: cos and sin
// times 0.1 ln(32) + 1.
TEST_CASE("YaRN scales the logits of latent attention, elsewhere cos and sin") {
  Hyperparameters keys("deepseek2");
  keys.put("rope.scaling.type", std::string("yarn")).put("rope.scaling.factor", 40.0F);
  keys.put("rope.scaling.original_context_length", uint32_t{4096}).put("rope.scaling.yarn_log_multiplier", 0.0707F);
  const ModelConfig deepseek = keys.read();
  CHECK(deepseek.rope.yarn);
  CHECK(deepseek.rope.original_context == 4096);
  CHECK(deepseek.rope.magnitude == 1.0F);
  const double mscale = 0.0707 * std::log(40.0) + 1;
  CHECK(deepseek.attention_scale == doctest::Approx(mscale * mscale / std::sqrt(24.0)));

  Hyperparameters other("gpt-oss");
  other.put("rope.scaling.type", std::string("yarn")).put("rope.scaling.factor", 32.0F);
  const ModelConfig gpt = other.put("rope.scaling.original_context_length", uint32_t{4096}).read();
  CHECK(gpt.rope.magnitude == doctest::Approx(0.1 * std::log(32.0) + 1));
  CHECK(gpt.rope.frequency_scale == 1.0F / 32);
  CHECK(gpt.rope.beta_fast == 32.0F);
  CHECK(gpt.rope.beta_slow == 1.0F);
}

TEST_CASE("blocks that predict further tokens are not run") {
  const ModelConfig config = Hyperparameters("glm4moe").put("nextn_predict_layers", uint32_t{1}).read();
  CHECK(config.layers == 3);
}
