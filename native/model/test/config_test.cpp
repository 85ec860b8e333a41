// Hyperparameters that cannot be are refused, and the message names the file, the key and what is wrong with it.
#include "model/config.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gguf/test/expect_error.h"
#include "model/test/metadata_of.h"

using namespace moeflow;
using namespace moeflow::test;
using gguf::test::contains;
using gguf::test::error_of;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

uint32_t u(uint32_t value) { return value; }
std::string s(const char* text) { return text; }

struct Bad {
  const char* architecture;
  const char* key;
  gguf::Value value;
  const char* says;
};

void check_rejected(const Bad& bad, const Hyperparameters& keys) {
  CAPTURE(std::string(bad.key));
  const std::string message = error_of(ErrorCode::kInvalidFile, [&] { keys.read(); });
  CHECK_SAYS(message, "m.gguf: ");
  CHECK_SAYS(message, std::string(bad.architecture) + "." + bad.key);
  CHECK_SAYS(message, bad.says);
}

}  // namespace

TEST_CASE("a wrong value is refused by file and key") {
  const Bad bads[] = {
      {"qwen3moe", "block_count", u(0), "is 0"},
      {"qwen3moe", "block_count", u(4097), "is 4097, more than 4096"},
      {"qwen3moe", "nextn_predict_layers", u(4), "is 4 of 4 blocks"},
      {"qwen3moe", "embedding_length", u(0), "is 0"},
      {"qwen3moe", "embedding_length", u((1U << 24) + 1), "more than any model has"},
      {"qwen3moe", "embedding_length", int32_t{-64}, "is -64"},
      {"qwen3moe", "embedding_length", 64.0F, "must be an integer"},
      {"qwen3moe", "context_length", u(0), "is 0"},
      {"qwen3moe", "attention.head_count", u(0), "is 0"},
      {"qwen3moe", "attention.head_count", std::vector<uint32_t>{4, 4}, "2 values"},
      {"qwen3moe", "attention.head_count_kv", u(0), "is 0"},
      {"qwen3moe", "attention.head_count_kv", u(3), "is 3, which does not divide 4 heads"},
      {"qwen3moe", "attention.head_count_kv", u(8), "is 8, which does not divide 4 heads"},
      {"qwen3moe", "attention.layer_norm_rms_epsilon", kNan, "finite number of at least 0"},
      {"qwen3moe", "attention.layer_norm_rms_epsilon", kInfinity, "finite number of at least 0"},
      {"qwen3moe", "attention.layer_norm_rms_epsilon", -1e-6F, "finite number of at least 0"},
      {"qwen3moe", "attention.key_length", u(0), "is 0"},
      {"qwen3moe", "attention.value_length", u(0), "is 0"},
      {"qwen3moe", "rope.dimension_count", u(0), "is 0"},
      {"qwen3moe", "rope.dimension_count", u(7), "is 7, not an even number"},
      {"qwen3moe", "rope.dimension_count", u(18), "of at most 16"},
      {"qwen3moe", "rope.freq_base", 0.0F, "must be above 1"},
      {"qwen3moe", "rope.freq_base", 1.0F, "must be above 1"},
      {"qwen3moe", "rope.freq_base", -10000.0F, "must be above 1"},
      {"qwen3moe", "rope.freq_base", kNan, "is not a finite number"},
      {"qwen3moe", "rope.scaling.type", u(1), "must be a string"},
      {"qwen3moe", "expert_count", u(0), "is 0"},
      {"qwen3moe", "expert_used_count", u(0), "is 0"},
      {"qwen3moe", "expert_used_count", u(9), "9 is more than expert_count 8"},
      {"qwen3moe", "expert_feed_forward_length", u(0), "is 0"},
      {"qwen3moe", "leading_dense_block_count", u(5), "is 5 of 4 blocks"},
      {"qwen3moe", "expert_shared_count", u(1U << 20), "more than any model has"},
      {"llama", "feed_forward_length", u(0), "is 0"},
      {"qwen2moe", "expert_shared_feed_forward_length", u(1U << 31), "more than any model has"},
      {"gpt-oss", "attention.sliding_window", u(1U << 25), "more than any model has"},
      {"granitemoe", "attention.scale", kNan, "is not a finite number"},
      {"granitemoe", "embedding_scale", kInfinity, "is not a finite number"},
      {"granitemoe", "residual_scale", kNan, "is not a finite number"},
      {"granitemoe", "logit_scale", -kInfinity, "is not a finite number"},
      {"deepseek2", "attention.kv_lora_rank", u(0), "is 0"},
      {"deepseek2", "attention.q_lora_rank", u(1U << 30), "more than any model has"},
      {"deepseek2", "attention.key_length_mla", u(0), "is 0"},
      {"deepseek2", "attention.value_length_mla", u(0), "is 0"},
      {"deepseek2", "rope.dimension_count", u(24), "a head has only 24 dimensions"},
      {"deepseek2", "rope.dimension_count", u(7), "not an even number"},
      {"deepseek2", "expert_gating_func", u(7), "is 7; 1 (softmax) and 2 (sigmoid) are known"},
      {"glm4moe", "expert_gating_func", u(3), "is 3"},
      {"deepseek2", "expert_weights_norm", u(1), "must be a bool"},
      {"deepseek2", "expert_weights_scale", kInfinity, "is not a finite number"},
      {"deepseek2", "expert_group_count", u(3), "is 3, which does not divide 8 experts"},
      {"deepseek2", "expert_group_used_count", u(2), "is 2, more than expert_group_count 1"},
  };
  for (const Bad& bad : bads) check_rejected(bad, Hyperparameters(bad.architecture).put(bad.key, bad.value));
}

TEST_CASE("wrong values of rope scaling are refused by file and key") {
  const Bad bads[] = {
      {"qwen3moe", "rope.scaling.factor", 0.0F, "must be positive"},
      {"qwen3moe", "rope.scaling.factor", -4.0F, "must be positive"},
      {"qwen3moe", "rope.scaling.factor", kNan, "is not a finite number"},
      {"qwen3moe", "rope.scaling.factor", 1e-40F, "must be"},  // its reciprocal is infinite
      {"qwen3moe", "rope.scaling.original_context_length", u(0), "is 0"},
      {"qwen3moe", "rope.scaling.yarn_beta_fast", 0.0F, "must be positive"},
      {"qwen3moe", "rope.scaling.yarn_beta_slow", -1.0F, "must be positive"},
      {"qwen3moe", "rope.scaling.yarn_beta_slow", kNan, "is not a finite number"},
      {"deepseek2", "rope.scaling.yarn_log_multiplier", kInfinity, "is not a finite number"},
  };
  for (const Bad& bad : bads) {
    Hyperparameters keys(bad.architecture);
    keys.put("rope.scaling.type", s("yarn")).put("rope.scaling.factor", 4.0F);
    check_rejected(bad, keys.put(bad.key, bad.value));
  }
}

TEST_CASE("groups must leave enough experts to choose from") {
  Hyperparameters keys("deepseek2");
  keys.put("expert_group_count", u(4)).put("expert_group_used_count", u(1)).put("expert_used_count", u(3));
  const std::string message = error_of(ErrorCode::kInvalidFile, [&] { keys.read(); });
  CHECK_SAYS(message, "m.gguf: deepseek2.expert_group_used_count leaves 2 experts to choose 3 from");
}

TEST_CASE("a missing key that every model needs is named") {
  for (const char* key : {"block_count", "embedding_length", "context_length", "attention.head_count", "expert_count",
                          "attention.layer_norm_rms_epsilon", "expert_used_count", "expert_feed_forward_length"}) {
    const std::string message =
        error_of(ErrorCode::kInvalidFile, [&] { Hyperparameters("qwen3moe").remove(key).read(); });
    CHECK(message == std::string("m.gguf: missing key qwen3moe.") + key);
  }
  Hyperparameters dense("glm4moe");
  dense.put("leading_dense_block_count", u(1)).remove("feed_forward_length");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [&] { dense.read(); }), "missing key glm4moe.feed_forward_length");
  for (const char* key : {"attention.kv_lora_rank", "rope.dimension_count"}) {
    CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [&] { Hyperparameters("deepseek2").remove(key).read(); }), key);
  }
}

TEST_CASE("what is sound but beyond moeflow is unsupported, not invalid") {
  CHECK_SAYS(error_of(ErrorCode::kUnsupported, [] { Hyperparameters("mamba").read(); }), "m.gguf: architecture mamba");
  const std::string escaped = error_of(ErrorCode::kUnsupported, [] { Hyperparameters("a\x1b[2J").read(); });
  CHECK_FALSE(contains(escaped, "\x1b"));
  Hyperparameters scaling("qwen3moe");
  const std::string rope =
      error_of(ErrorCode::kUnsupported, [&] { scaling.put("rope.scaling.type", s("longrope")).read(); });
  CHECK_SAYS(rope, "m.gguf: qwen3moe.rope.scaling.type longrope");
  Hyperparameters mixed("qwen3moe");
  mixed.put("attention.head_count", std::vector<uint32_t>{4, 4, 8, 4});
  CHECK_SAYS(error_of(ErrorCode::kUnsupported, [&] { mixed.read(); }), "qwen3moe.attention.head_count");
  Hyperparameters narrow("qwen3moe");
  const std::string value =
      error_of(ErrorCode::kUnsupported, [&] { narrow.put("attention.value_length", u(24)).read(); });
  CHECK_SAYS(value, "m.gguf: ");
  CHECK_SAYS(value, "24 value dimensions");
}

// Whatever single key is damaged in whatever way: a configuration or an error that names the file and a key, and no
// arithmetic that overflows on the way (the sanitizers watch).
TEST_CASE("no value of any key does worse than an error that names the file") {
  const std::vector<gguf::Value> damage = {u(0),
                                           u(1),
                                           u(3),
                                           u(1U << 24),
                                           u((1U << 24) + 1),
                                           u(1U << 31),
                                           u(UINT32_MAX),
                                           uint64_t{UINT64_MAX},
                                           int32_t{-1},
                                           int64_t{INT64_MIN},
                                           0.0F,
                                           -1.0F,
                                           kNan,
                                           kInfinity,
                                           3e38F,
                                           1e-45F,
                                           1e300,
                                           true,
                                           s(""),
                                           s("yarn"),
                                           s("linear"),
                                           std::vector<uint32_t>{},
                                           std::vector<int32_t>{-1, -1, -1, -1},
                                           std::vector<uint32_t>(4, UINT32_MAX),
                                           std::vector<std::string>{"a"}};
  const std::vector<std::string> optional_keys = {"attention.key_length",
                                                  "attention.value_length",
                                                  "attention.scale",
                                                  "attention.sliding_window",
                                                  "attention.q_lora_rank",
                                                  "rope.dimension_count",
                                                  "rope.freq_base",
                                                  "rope.scaling.type",
                                                  "rope.scaling.factor",
                                                  "rope.scaling.original_context_length",
                                                  "rope.scaling.yarn_beta_fast",
                                                  "rope.scaling.yarn_beta_slow",
                                                  "rope.scaling.yarn_log_multiplier",
                                                  "expert_gating_func",
                                                  "expert_weights_norm",
                                                  "expert_weights_scale",
                                                  "expert_group_count",
                                                  "expert_group_used_count",
                                                  "expert_shared_count",
                                                  "expert_shared_feed_forward_length",
                                                  "leading_dense_block_count",
                                                  "nextn_predict_layers",
                                                  "embedding_scale",
                                                  "logit_scale"};
  for (const char* name : {"qwen3moe", "qwen2moe", "gpt-oss", "granitemoe", "deepseek2", "glm4moe"}) {
    std::vector<std::string> keys = optional_keys;
    const Hyperparameters sound(name);
    for (const auto& entry : sound.entries()) keys.push_back(entry.first);
    for (const std::string& key : keys) {
      for (const gguf::Value& value : damage) {
        Hyperparameters damaged(name);
        if (key.starts_with("rope.scaling."))
          damaged.put("rope.scaling.type", s("yarn")).put("rope.scaling.factor", 2.0F);
        damaged.put(key, value);
        try {
          const ModelConfig config = damaged.read();
          if (!std::isfinite(config.attention_scale) || !std::isfinite(config.rope.frequency_scale)) {
            FAIL_CHECK(std::string(name), ".", key);
          }
        } catch (const Error& error) {
          const bool blamed = error.code() == ErrorCode::kInvalidFile || error.code() == ErrorCode::kUnsupported;
          if (!blamed || !contains(error.what(), "m.gguf: ")) FAIL_CHECK(error.what());
        }
      }
    }
  }
}
