#include "model/attention.h"

#include <algorithm>

#include "model/products.h"

namespace moeflow {
namespace {

// Rows of one sequence that a task takes together: neighbours see almost the same keys.
constexpr int kRowsPerTask = 16;

struct AttentionTask {
  const BatchSequence* sequence;
  int first_row;  // within the sequence
  int rows;
};

// Half precision's largest number instead of its infinity: neighbours in a group of queries multiply what they do not
// see by 0, which must give 0.
constexpr float kLargestHalf = 65504.0F;

void put(void* to, size_t index, float value, bool half) {
  if (half) {
    static_cast<uint16_t*>(to)[index] = float_to_half(std::clamp(value, -kLargestHalf, kLargestHalf));
  } else {
    static_cast<float*>(to)[index] = value;
  }
}

// Attention of some rows of one sequence over one key/value head and the query heads that share it.
void attend_head(const Step& step, int layer, int kv_head, const AttentionTask& task, const ActivationBuffer& queries,
                 const float* sinks, ThreadScratch& scratch) {
  const ModelConfig& config = step.config();
  const int group = config.heads / config.kv_heads;
  const BatchSequence& sequence = *task.sequence;
  const int last_end = sequence.first_position + task.first_row + task.rows;
  for (int tile = 0; tile < (last_end + kKvBlock - 1) / kKvBlock; ++tile) {
    uint8_t* block = sequence.blocks[tile];
    scratch.key_tiles[static_cast<size_t>(tile)] = block + step.kv.key_offset(layer, kv_head);
    scratch.value_tiles[static_cast<size_t>(tile)] = block + step.kv.value_offset(layer, kv_head);
  }
  const float* query[kAttentionQueries];
  float* output[kAttentionQueries];
  int32_t begin[kAttentionQueries];
  int32_t end[kAttentionQueries];
  float sink[kAttentionQueries];
  AttentionArgs args;
  args.queries = query;
  args.outputs = output;
  args.begin = begin;
  args.end = end;
  args.sinks = sinks ? sink : nullptr;
  args.key_tiles = scratch.key_tiles.data();
  args.value_tiles = scratch.value_tiles.data();
  args.key_dim = config.key_dim;
  args.value_dim = config.value_dim;
  args.scale = config.attention_scale;
  args.half_cache = step.kv.half;
  args.scores = scratch.scores.as<float>();
  args.score_stride = step.space.score_stride;
  const int window = config.has_window(layer) ? config.window : 0;
  const int count = task.rows * group;
  for (int first = 0; first < count; first += kAttentionQueries) {
    args.query_count = std::min(kAttentionQueries, count - first);
    for (int q = 0; q < args.query_count; ++q) {
      const int row = task.first_row + (first + q) / group;
      const int head = kv_head * group + (first + q) % group;
      const int batch_row = sequence.first_row + row;
      const int position = sequence.first_position + row;
      query[q] = queries.row(batch_row) + static_cast<size_t>(head) * static_cast<size_t>(config.key_dim);
      output[q] =
          step.space.attended.row(batch_row) + static_cast<size_t>(head) * static_cast<size_t>(config.value_dim);
      begin[q] = window > 0 ? std::max(0, position - window + 1) : 0;
      end[q] = position + 1;
      if (sinks) sink[q] = sinks[head];
    }
    step.kernels.attention(args);
  }
}

void rotate_heads(const Step& step, float* heads, int count, int position) {
  for (int h = 0; h < count; ++h) {
    step.model.rope->rotate(heads + static_cast<size_t>(h) * static_cast<size_t>(step.config().key_dim), position,
                            step.config().architecture->rope);
  }
}

void normalize_heads(const Step& step, const float* weight, float* heads, int64_t total) {
  if (!weight) return;
  const bool full = step.config().architecture->query_key_norm == QueryKeyNorm::kFullWidth;
  const int64_t span = full ? total : step.config().key_dim;
  for (int64_t at = 0; at < total; at += span) {
    step.kernels.rms_norm(heads + at, weight, step.config().norm_epsilon, span, heads + at);
  }
}

}  // namespace

void store_in_cache(const Step& step, int layer, int64_t row, const float* keys, const float* values) {
  const ModelConfig& config = step.config();
  const auto r = static_cast<size_t>(row);
  const auto& sequence = step.batch.sequences[static_cast<size_t>(step.batch.sequence_of[r])];
  const int position = step.batch.positions[r];
  const auto slot = static_cast<size_t>(position % kKvBlock);
  uint8_t* block = sequence.blocks[position / kKvBlock];
  for (int h = 0; h < config.kv_heads; ++h) {
    const auto key_dim = static_cast<size_t>(config.key_dim);
    const auto value_dim = static_cast<size_t>(config.value_dim);
    const auto head = static_cast<size_t>(h);
    void* key_tile = block + step.kv.key_offset(layer, h);
    void* value_tile = block + step.kv.value_offset(layer, h);
    for (size_t d = 0; d < key_dim; ++d) put(key_tile, d * kKvBlock + slot, keys[head * key_dim + d], step.kv.half);
    for (size_t d = 0; d < value_dim; ++d)
      put(value_tile, slot * value_dim + d, values[head * value_dim + d], step.kv.half);
  }
}

void attend(const Step& step, int layer, const ActivationBuffer& queries, const float* sinks) {
  const int kv_heads = step.config().kv_heads;
  int64_t tasks = 0;
  for (const BatchSequence& sequence : step.batch.sequences) tasks += (sequence.rows + kRowsPerTask - 1) / kRowsPerTask;
  step.pool.parallel(tasks * kv_heads, [&](int64_t index, int thread) {
    step.check_cancelled();
    int64_t part = index / kv_heads;
    const BatchSequence* sequence = step.batch.sequences.data();
    for (; part >= (sequence->rows + kRowsPerTask - 1) / kRowsPerTask; ++sequence) {
      part -= (sequence->rows + kRowsPerTask - 1) / kRowsPerTask;
    }
    const int first = static_cast<int>(part) * kRowsPerTask;
    const AttentionTask task{sequence, first, std::min(kRowsPerTask, sequence->rows - first)};
    attend_head(step, layer, static_cast<int>(index % kv_heads), task, queries, sinks,
                step.space.threads[static_cast<size_t>(thread)]);
  });
}

void grouped_attention(const Step& step, int layer) {
  const ModelConfig& config = step.config();
  const AttentionWeights& w = step.model.weights.layers[static_cast<size_t>(layer)].attention;
  Workspace& space = step.space;
  const int64_t rows = step.batch.rows();
  const auto product = [&](const Matrix& weights, const ActivationBuffer& y, const float* bias) {
    return Product{weights, space.normed.view(), y.row(0), static_cast<size_t>(y.cols()), rows, bias};
  };
  const Product qkv[] = {product(w.query, space.query, w.query_bias), product(w.key, space.key, w.key_bias),
                         product(w.value, space.value, w.value_bias)};
  run_products(step, qkv);

  for_each_row(step, rows, [&](int64_t r, int) {
    const int position = step.batch.positions[static_cast<size_t>(r)];
    normalize_heads(step, w.query_norm, space.query.row(r), space.query.cols());
    normalize_heads(step, w.key_norm, space.key.row(r), space.key.cols());
    rotate_heads(step, space.query.row(r), config.heads, position);
    rotate_heads(step, space.key.row(r), config.kv_heads, position);
    store_in_cache(step, layer, r, space.key.row(r), space.value.row(r));
  });

  attend(step, layer, space.query, w.sinks);

  if (reads_quantized(step, w.output)) {
    for_each_row(step, rows, [&](int64_t r, int) {
      step.kernels.quantize(space.attended.row(r), 0, space.attended.cols(), space.attended.cols(),
                            space.attended.quantized_row(r));
    });
  }
  const Product output[] = {{w.output, space.attended.view(), space.projected.row(0),
                             static_cast<size_t>(space.projected.cols()), rows, w.output_bias}};
  run_products(step, output);
}

}  // namespace moeflow
