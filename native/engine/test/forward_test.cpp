// The engine computes what the architectures' descriptions say: every family against a forward pass in double.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "engine/test/engine_runs.h"
#include "engine/test/oracle.h"

using namespace moeflow;
using namespace moeflow::test;

namespace {

void check_against_oracle(const Outcome& outcome, const TinyModel& model, const std::vector<int32_t>& tokens) {
  const std::vector<Oracle::Token> expected = Oracle(model).run(tokens);
  std::set<std::pair<size_t, int32_t>> distinct;
  double worst_logit = 0;
  double worst_weight = 0;
  REQUIRE(outcome.logits.size() == tokens.size() * kVocabulary);
  const auto used = static_cast<size_t>(model.options().used);
  const size_t per_token = used * static_cast<size_t>(model.options().layers - model.options().leading_dense);
  REQUIRE(outcome.experts.size() == tokens.size() * per_token);
  for (size_t t = 0; t < tokens.size(); ++t) {
    for (size_t v = 0; v < kVocabulary; ++v) {
      worst_logit = std::max(
          worst_logit, std::abs(static_cast<double>(outcome.logits[t * kVocabulary + v]) - expected[t].logits[v]));
    }
    const auto first = outcome.experts.begin() + static_cast<std::ptrdiff_t>(t * per_token);
    CHECK(std::vector<int32_t>(first, first + static_cast<std::ptrdiff_t>(per_token)) == expected[t].experts);
    for (size_t i = 0; i < per_token; ++i) {
      worst_weight = std::max(
          worst_weight, std::abs(static_cast<double>(outcome.weights[t * per_token + i]) - expected[t].weights[i]));
      distinct.insert({i / used, expected[t].experts[i]});
    }
  }
  CHECK(worst_logit < 1e-4);
  CHECK(worst_weight < 1e-5);
  CHECK(outcome.distinct_experts == static_cast<int32_t>(distinct.size()));
}

}  // namespace

TEST_CASE("logits, chosen experts and their weights are those of the architecture's description") {
  TinyOptions options;
  SUBCASE("qwen3moe") {}
  SUBCASE("llama") { options.architecture = "llama"; }
  SUBCASE("olmoe") { options.architecture = "olmoe"; }
  SUBCASE("qwen2moe") { options.architecture = "qwen2moe"; }
  SUBCASE("granitemoe") { options.architecture = "granitemoe"; }
  SUBCASE("gpt-oss") { options.architecture = "gpt-oss"; }
  SUBCASE("deepseek2") { options.architecture = "deepseek2"; }
  SUBCASE("glm4moe") {
    options.architecture = "glm4moe";
    options.layers = 3;
    options.leading_dense = 1;
    options.experts = 8;
  }
  SUBCASE("qwen3moe with all experts in use") { options.used = 4; }
  const TinyModel model(options);
  const TinyFile file(model);
  const std::vector<int32_t> tokens = random_tokens(40, 7);
  check_against_oracle(run_alone(*file.engine(2), tokens), model, tokens);
}

TEST_CASE("quantised weights mean their dequantised values: exact with the reference kernels") {
  TinyOptions options;
  options.q8_0 = true;
  SUBCASE("qwen3moe") {}
  SUBCASE("gpt-oss") { options.architecture = "gpt-oss"; }
  SUBCASE("deepseek2") { options.architecture = "deepseek2"; }
  const TinyModel model(options);
  const TinyFile file(model);
  const std::vector<int32_t> tokens = random_tokens(20, 8);
  check_against_oracle(run_alone(*file.engine(2, 256, "reference", KvType::kF32), tokens), model, tokens);
}

TEST_CASE("query, key and value in one fused tensor give the bits of three") {
  TinyOptions options;
  options.architecture = "qwen2moe";
  TinyModel model(options);
  const std::vector<int32_t> tokens = random_tokens(20, 9);
  const Outcome separate = run_alone(*TinyFile(model).engine(), tokens);
  for (const char* block : {"blk.0.attn_", "blk.1.attn_"}) {
    for (const char* kind : {".weight", ".bias"}) {
      TinyTensor fused;
      for (const char* part : {"q", "k", "v"}) {
        const auto node = model.tensors.extract(block + std::string(part) + kind);
        fused.values.insert(fused.values.end(), node.mapped().values.begin(), node.mapped().values.end());
      }
      fused.dims = {64, 128};
      if (kind == std::string(".bias")) fused.dims = {128};
      model.tensors[block + std::string("qkv") + kind] = fused;
    }
  }
  CHECK(run_alone(*TinyFile(model).engine(), tokens).same_bits_as(separate));
}
