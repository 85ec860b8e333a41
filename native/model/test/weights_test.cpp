// The dense weights: found by name and shape, refused by file, tensor, found and expected.
#include "model/weights.h"

#include <doctest/doctest.h>

#include <cstring>
#include <functional>

#include "gguf/test/expect_error.h"
#include "gguf/test/temporary_directory.h"
#include "model/facts.h"
#include "model/test/tiny_model.h"

using namespace moeflow;
using namespace moeflow::test;
using gguf::test::error_of;
using gguf::test::TemporaryDirectory;

namespace {

// What opening a model says after a change to a sound one.
std::string refusal(ErrorCode code, const TinyOptions& options, const std::function<void(TinyModel&)>& change) {
  const TemporaryDirectory directory;
  TinyModel tiny(options);
  change(tiny);
  const std::string path = directory.write("m.gguf", tiny.file());
  const std::string message = error_of(code, [&] { Model model(gguf::open_model_files({path})); });
  CHECK_SAYS(message, path);
  return message;
}

std::string without(const char* architecture, const std::string& tensor) {
  TinyOptions options;
  options.architecture = architecture;
  return refusal(ErrorCode::kInvalidFile, options, [&](TinyModel& tiny) { REQUIRE(tiny.tensors.erase(tensor) == 1); });
}

std::string reshaped(const char* architecture, const std::string& tensor, std::vector<uint64_t> dims) {
  TinyOptions options;
  options.architecture = architecture;
  return refusal(ErrorCode::kInvalidFile, options, [&](TinyModel& tiny) {
    size_t count = 1;
    for (const uint64_t dim : dims) count *= dim;
    tiny.tensors.at(tensor).dims = dims;
    tiny.tensors.at(tensor).values.resize(count);
  });
}

}  // namespace

TEST_CASE("a missing tensor is named") {
  for (const char* name : {"token_embd.weight", "output_norm.weight", "blk.1.attn_norm.weight", "blk.0.attn_k.weight",
                           "blk.1.attn_output.weight", "blk.0.ffn_norm.weight", "blk.1.ffn_gate_inp.weight",
                           "blk.0.attn_q_norm.weight", "blk.1.attn_k_norm.weight", "blk.0.ffn_up_exps.weight"}) {
    CHECK_SAYS(without("qwen3moe", name), std::string("missing tensor ") + name);
  }
  CHECK_SAYS(without("gpt-oss", "blk.1.post_attention_norm.weight"), "missing tensor blk.1.post_attention_norm.weight");
  CHECK_SAYS(without("qwen2moe", "blk.1.ffn_gate_inp_shexp.weight"), "missing tensor blk.1.ffn_gate_inp_shexp.weight");
  CHECK_SAYS(without("qwen2moe", "blk.0.ffn_down_shexp.weight"), "missing tensor blk.0.ffn_down_shexp.weight");
  CHECK_SAYS(without("deepseek2", "blk.0.attn_v_b.weight"), "missing tensor blk.0.attn_v_b.weight");
  CHECK_SAYS(without("glm4moe", "blk.1.attn_k_norm.weight"), "missing tensor blk.1.attn_k_norm.weight");
}

TEST_CASE("a tensor of another shape is named, with what was found and expected") {
  CHECK_SAYS(reshaped("qwen3moe", "blk.1.attn_q.weight", {64, 32}),
             "blk.1.attn_q.weight: shape [64, 32], expected [64, 64]");
  CHECK_SAYS(reshaped("qwen3moe", "output.weight", {64, 47}), "output.weight: shape [64, 47], expected [64, 48]");
  CHECK_SAYS(reshaped("qwen3moe", "blk.0.attn_norm.weight", {63}), "blk.0.attn_norm.weight: shape [63], expected [64]");
  CHECK_SAYS(reshaped("qwen3moe", "blk.0.attn_k_norm.weight", {32}),
             "blk.0.attn_k_norm.weight: shape [32], expected [16");
  CHECK_SAYS(reshaped("olmoe", "blk.0.attn_k_norm.weight", {16}), "blk.0.attn_k_norm.weight: shape [16], expected [32");
  CHECK_SAYS(reshaped("qwen3moe", "blk.0.ffn_gate_inp.weight", {64, 5}), "shape [64, 5], expected [64, 4]");
  CHECK_SAYS(reshaped("gpt-oss", "blk.0.attn_sinks.weight", {5}), "blk.0.attn_sinks.weight: shape [5], expected [4");
  CHECK_SAYS(reshaped("gpt-oss", "blk.0.ffn_up_exps.bias", {160, 3}), "shape [160, 3], expected [160, 4]");
  CHECK_SAYS(reshaped("deepseek2", "blk.0.attn_k_b.weight", {32, 16, 4}), "shape [32, 16, 4], expected [16, 32, 4]");
}

TEST_CASE("norms and biases must be F32") {
  const std::string message = refusal(ErrorCode::kUnsupported, {}, [](TinyModel& tiny) {
    tiny.tensors.at("output_norm.weight").blocks = std::string(2 * 34, '\0');
  });
  CHECK_SAYS(message, "output_norm.weight is Q8_0");
}

TEST_CASE("the vocabulary must be the tokenizer's") {
  const std::string message = refusal(ErrorCode::kInvalidFile, {}, [](TinyModel& tiny) {
    tiny.keys.texts("tokenizer.ggml.tokens", {"a", "b"});
  });
  CHECK_SAYS(message, "token_embd.weight has 48 rows, the tokenizer has 2 tokens");
}

TEST_CASE("weights arrive in memory with exactly the file's bytes, and are counted") {
  for (const bool q8_0 : {false, true}) {
    TinyOptions options;
    options.q8_0 = q8_0;
    const TemporaryDirectory directory;
    const TinyModel tiny(options);
    Model model(gguf::open_model_files({directory.write("m.gguf", tiny.file())}));
    ThreadPool pool(2);
    std::vector<gguf::File> open;
    open.emplace_back(model.files.paths[0]);
    LoadedBytes loaded;
    model.load(8, open, pool, {}, loaded);
    CHECK(model.config.vocabulary == kVocabulary);
    const auto check = [&](const Matrix& matrix, const char* name) {
      const TinyTensor& tensor = tiny.tensors.at(name);
      REQUIRE(matrix.cols == static_cast<int64_t>(tensor.cols()));
      std::vector<float> values(tensor.values.size());
      dequantize(matrix.type, matrix.data, static_cast<int64_t>(values.size()), values.data());
      CHECK_MESSAGE(values == tensor.values, std::string(name));
    };
    check(model.weights.embedding, "token_embd.weight");
    check(model.weights.output, "output.weight");
    check(model.weights.layers[1].attention.value, "blk.1.attn_v.weight");
    check(model.weights.layers[0].router, "blk.0.ffn_gate_inp.weight");
    const float* norm = model.weights.layers[1].attention.key_norm;
    CHECK(std::vector<float>(norm, norm + kHeadDim) == tiny.tensors.at("blk.1.attn_k_norm.weight").values);

    const ModelFacts facts = model_facts(model);
    const uint64_t bytes = q8_0 ? 34 * 3 * kWidth * kExpertWidth / 32 : 4 * 3 * kWidth * kExpertWidth;
    CHECK(facts.expert_bytes_by_layer == std::vector<uint64_t>(2, bytes));
    CHECK(facts.smallest_expert_bytes == bytes);
    CHECK(facts.largest_expert_bytes == bytes);
    CHECK(facts.expert_bytes == bytes * 4 * 2);
    CHECK(facts.kv_bytes_per_token_f32 == 2 * 2 * kKvHeads * kHeadDim * 4);
    CHECK(facts.kv_bytes_per_token_f16 * 2 == facts.kv_bytes_per_token_f32);
    const uint64_t dense = facts.dense_bytes - kVocabulary * kWidth * 4;  // all but the embedding table
    CHECK(facts.active_bytes_per_token == dense + bytes * 2 * 2);
  }
}

TEST_CASE("a model without an output matrix uses its embedding") {
  TinyOptions options;
  options.architecture = "granitemoe";
  const TemporaryDirectory directory;
  const Model model(gguf::open_model_files({directory.write("m.gguf", TinyModel(options).file())}));
  CHECK(model.weights.output.data == model.weights.embedding.data);
  CHECK(model.weights.output.rows == kVocabulary);
}
