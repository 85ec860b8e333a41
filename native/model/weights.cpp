#include "model/weights.h"

#include <initializer_list>

#include "base/error.h"
#include "experts/layout.h"

namespace moeflow {
namespace {

uint64_t aligned(uint64_t bytes) { return (bytes + 63) / 64 * 64; }

// Room for every tensor of the files except the experts, which have a store of their own.
uint64_t arena_size(const gguf::ModelFiles& files) {
  uint64_t bytes = 0;
  for (const gguf::Tensor& tensor : files.tensors) {
    if (tensor.name.find("_exps.weight") == std::string::npos) bytes += aligned(tensor.bytes);
  }
  return bytes;
}

}  // namespace

// Gives each wanted tensor its place in the arena and notes what to read there.
class WeightFinder {
 public:
  WeightFinder(const gguf::ModelFiles& files, const ModelConfig& config, ModelWeights& weights)
      : files_(files), config_(config), weights_(weights) {}

  void find_model(ModelConfig& config) {
    const gguf::Tensor* embedding = files_.find("token_embd.weight");
    if (!embedding) fail(ErrorCode::kInvalidFile, files_.paths.front(), ": missing tensor token_embd.weight");
    config.vocabulary = static_cast<int>(embedding->dims[1]);
    check_vocabulary(*embedding);
    weights_.embedding = matrix("token_embd.weight", config.width, config.vocabulary);
    weights_.output_norm = vector("output_norm.weight", config.width);
    weights_.output = optional_matrix("output.weight", config.width, config.vocabulary);
    if (!weights_.output) weights_.output = weights_.embedding;
    weights_.rope_factors = optional_vector("rope_freqs.weight", config.rope.dims / 2);
    for (int layer = 0; layer < config.layers; ++layer) find_layer(layer);
  }

 private:
  void check_vocabulary(const gguf::Tensor& embedding) const {
    if (embedding.dims[1] == 0 || embedding.dims[1] > (uint64_t{1} << 24)) {
      fail(ErrorCode::kInvalidFile, files_.paths[embedding.file], ": token_embd.weight has ", embedding.dims[1],
           " rows");
    }
    const std::vector<std::string>* tokens = files_.metadata.find_strings("tokenizer.ggml.tokens");
    if (tokens && tokens->size() != embedding.dims[1]) {
      fail(ErrorCode::kInvalidFile, files_.paths[embedding.file], ": token_embd.weight has ", embedding.dims[1],
           " rows, the tokenizer has ", tokens->size(), " tokens");
    }
  }

  void find_layer(int layer) {
    prefix_ = concat("blk.", layer, ".");
    LayerWeights& w = weights_.layers.emplace_back();
    w.attention.norm = vector("attn_norm.weight", config_.width);
    if (config_.architecture->attention == Attention::kLatent) {
      find_latent_attention(w.attention);
    } else {
      find_grouped_attention(w.attention);
    }
    const int value_width =
        config_.architecture->attention == Attention::kLatent ? config_.head_value_dim : config_.value_dim;
    w.attention.output = matrix("attn_output.weight", int64_t{config_.heads} * value_width, config_.width);
    w.attention.output_bias = optional_vector("attn_output.bias", config_.width);
    w.feed_forward_norm = vector(concat(config_.architecture->feed_forward_norm, ".weight"), config_.width);
    if (!config_.has_experts(layer)) {
      w.dense = feed_forward("", config_.dense_width);
      return;
    }
    w.router = matrix("ffn_gate_inp.weight", config_.width, config_.router.experts);
    w.router_bias = optional_vector("ffn_gate_inp.bias", config_.router.experts);
    w.selection_bias = optional_vector("exp_probs_b.bias", config_.router.experts);
    w.gate_bias = optional_vector("ffn_gate_exps.bias", config_.expert_width, config_.router.experts);
    w.up_bias = optional_vector("ffn_up_exps.bias", config_.expert_width, config_.router.experts);
    w.down_bias = optional_vector("ffn_down_exps.bias", config_.width, config_.router.experts);
    if (config_.shared_width > 0) w.shared = feed_forward("_shexp", config_.shared_width);
    if (config_.architecture->gated_shared_expert && config_.shared_width > 0) find_shared_gate(w);
  }

  // One row; files write it as [width] or [width, 1].
  void find_shared_gate(LayerWeights& w) { w.shared_gate = matrix("ffn_gate_inp_shexp.weight", config_.width, 1); }

  void find_grouped_attention(AttentionWeights& a) {
    const int64_t query_rows = int64_t{config_.heads} * config_.key_dim;
    const int64_t key_rows = int64_t{config_.kv_heads} * config_.key_dim;
    const int64_t value_rows = int64_t{config_.kv_heads} * config_.value_dim;
    if (files_.find(prefix_ + "attn_qkv.weight")) {
      const Matrix fused = matrix("attn_qkv.weight", config_.width, query_rows + key_rows + value_rows);
      a.query = rows_of(fused, 0, query_rows);
      a.key = rows_of(fused, query_rows, key_rows);
      a.value = rows_of(fused, query_rows + key_rows, value_rows);
      if (const float* bias = optional_vector("attn_qkv.bias", query_rows + key_rows + value_rows)) {
        a.query_bias = bias;
        a.key_bias = bias + query_rows;
        a.value_bias = bias + query_rows + key_rows;
      }
    } else {
      a.query = matrix("attn_q.weight", config_.width, query_rows);
      a.key = matrix("attn_k.weight", config_.width, key_rows);
      a.value = matrix("attn_v.weight", config_.width, value_rows);
      a.query_bias = optional_vector("attn_q.bias", query_rows);
      a.key_bias = optional_vector("attn_k.bias", key_rows);
      a.value_bias = optional_vector("attn_v.bias", value_rows);
    }
    find_query_key_norm(a, query_rows, key_rows);
    a.sinks = optional_vector("attn_sinks.weight", config_.heads);
  }

  void find_query_key_norm(AttentionWeights& a, int64_t query_rows, int64_t key_rows) {
    const QueryKeyNorm norm = config_.architecture->query_key_norm;
    if (norm == QueryKeyNorm::kNone) return;
    const bool full = norm == QueryKeyNorm::kFullWidth;
    a.query_norm = optional_vector("attn_q_norm.weight", full ? query_rows : config_.key_dim);
    a.key_norm = optional_vector("attn_k_norm.weight", full ? key_rows : config_.key_dim);
    // GLM-4.5-Air and its kin have none; elsewhere a missing one is a broken file.
    const bool may_lack = config_.architecture->name == "glm4moe" && !a.query_norm && !a.key_norm;
    if (!may_lack && !(a.query_norm && a.key_norm)) {
      fail(ErrorCode::kInvalidFile, files_.paths.front(), ": missing tensor ", prefix_,
           a.query_norm ? "attn_k_norm.weight" : "attn_q_norm.weight");
    }
  }

  void find_latent_attention(AttentionWeights& a) {
    const int64_t query_rows = int64_t{config_.heads} * (config_.nope_dim + config_.rope.dims);
    if (config_.query_rank > 0) {
      a.query_down = matrix("attn_q_a.weight", config_.width, config_.query_rank);
      a.query_down_norm = vector("attn_q_a_norm.weight", config_.query_rank);
      a.query = matrix("attn_q_b.weight", config_.query_rank, query_rows);
    } else {
      a.query = matrix("attn_q.weight", config_.width, query_rows);
    }
    a.latent = matrix("attn_kv_a_mqa.weight", config_.width, config_.key_dim);
    a.latent_norm = vector("attn_kv_a_norm.weight", config_.latent_rank);
    if (files_.find(prefix_ + "attn_kv_b.weight")) {
      split_merged_expansion(a);
    } else {
      const Matrix keys = matrix3("attn_k_b.weight", config_.nope_dim, config_.latent_rank, config_.heads);
      const Matrix values = matrix3("attn_v_b.weight", config_.latent_rank, config_.head_value_dim, config_.heads);
      for (int head = 0; head < config_.heads; ++head) {
        a.key_expand.push_back(rows_of(keys, int64_t{head} * config_.latent_rank, config_.latent_rank));
        a.value_expand.push_back(rows_of(values, int64_t{head} * config_.head_value_dim, config_.head_value_dim));
      }
    }
  }

  // Files from before April 2025 hold key and value expansion in one piece, the keys not yet transposed.
  void split_merged_expansion(AttentionWeights& a) {
    const int64_t per_head = int64_t{config_.nope_dim} + config_.head_value_dim;
    const Matrix merged = matrix("attn_kv_b.weight", config_.latent_rank, config_.heads * per_head);
    const size_t head_floats = static_cast<size_t>(config_.latent_rank) * static_cast<size_t>(config_.nope_dim);
    if (weights_.transposed_arena_.size() == 0) {
      const size_t floats = head_floats * static_cast<size_t>(config_.heads) * static_cast<size_t>(config_.layers);
      weights_.transposed_arena_ = AlignedBuffer(floats * sizeof(float), "transposed key expansions");
    }
    for (int head = 0; head < config_.heads; ++head) {
      float* result = weights_.transposed_arena_.as<float>() + weights_.transposed_.size() * head_floats;
      weights_.transposed_.push_back({rows_of(merged, head * per_head, config_.nope_dim), result});
      a.key_expand.push_back({reinterpret_cast<const uint8_t*>(result), DType::kF32, config_.latent_rank,
                              config_.nope_dim, static_cast<size_t>(config_.nope_dim) * sizeof(float)});
      a.value_expand.push_back(rows_of(merged, head * per_head + config_.nope_dim, config_.head_value_dim));
    }
  }

  FeedForwardWeights feed_forward(const char* suffix, int64_t inner) {
    return {matrix(concat("ffn_gate", suffix, ".weight"), config_.width, inner),
            matrix(concat("ffn_up", suffix, ".weight"), config_.width, inner),
            matrix(concat("ffn_down", suffix, ".weight"), inner, config_.width)};
  }

  std::string full_name(const std::string& name) const { return prefix_ + name; }

  Matrix matrix(const std::string& name, int64_t cols, int64_t rows) {
    return place(require_tensor(files_, full_name(name), {cols, rows}));
  }
  Matrix matrix3(const std::string& name, int64_t cols, int64_t rows, int64_t count) {
    return place(require_tensor(files_, full_name(name), {cols, rows, count}));
  }
  Matrix optional_matrix(const std::string& name, int64_t cols, int64_t rows) {
    const gguf::Tensor* tensor = find_tensor(files_, full_name(name), {cols, rows});
    return tensor ? place(*tensor) : Matrix{};
  }
  const float* vector(const std::string& name, int64_t n) {
    return floats(require_tensor(files_, full_name(name), {n}));
  }
  const float* optional_vector(const std::string& name, int64_t n, int64_t rows = 1) {
    const gguf::Tensor* tensor = find_tensor(files_, full_name(name), {n, rows});
    return tensor ? floats(*tensor) : nullptr;
  }

  const float* floats(const gguf::Tensor& tensor) {
    if (tensor.type != DType::kF32) {
      fail(ErrorCode::kUnsupported, files_.paths[tensor.file], ": tensor ", tensor.name, " is ",
           traits(tensor.type).name, "; norms and biases must be F32");
    }
    return reinterpret_cast<const float*>(place(tensor).data);
  }

  Matrix place(const gguf::Tensor& tensor) {
    uint8_t* at = weights_.arena_.bytes() + weights_.used_bytes_;
    weights_.used_bytes_ += aligned(tensor.bytes);
    MOEFLOW_CHECK(weights_.used_bytes_ <= weights_.arena_.size());
    weights_.jobs_.push_back({tensor.file, tensor.offset, tensor.bytes, at});
    const size_t stride = row_bytes(tensor.type, tensor.dims[0]);
    return {at, tensor.type, static_cast<int64_t>(tensor.rows()), static_cast<int64_t>(tensor.dims[0]), stride};
  }

  static Matrix rows_of(const Matrix& matrix, int64_t first, int64_t count) {
    Matrix part = matrix;
    part.data += static_cast<size_t>(first) * matrix.row_bytes;
    part.rows = count;
    return part;
  }

  const gguf::ModelFiles& files_;
  const ModelConfig& config_;
  ModelWeights& weights_;
  std::string prefix_;
};

ModelWeights::ModelWeights(const gguf::ModelFiles& files, ModelConfig& config)
    : arena_(arena_size(files), "weights that are not experts") {
  layers.reserve(static_cast<size_t>(config.layers));
  WeightFinder(files, config, *this).find_model(config);
}

void ModelWeights::load(const std::vector<gguf::File>& files, ThreadPool& pool, const LoadControl& control,
                        LoadedBytes& bytes) {
  read_all(files, jobs_, pool, control, bytes);
  std::vector<float> row;
  for (const TransposedKey& key : transposed_) {
    row.resize(static_cast<size_t>(key.rows.cols));
    for (int64_t r = 0; r < key.rows.rows; ++r) {
      dequantize(key.rows.type, key.rows.row(r), key.rows.cols, row.data());
      for (int64_t c = 0; c < key.rows.cols; ++c) key.result[c * key.rows.rows + r] = row[static_cast<size_t>(c)];
    }
  }
}

}  // namespace moeflow
