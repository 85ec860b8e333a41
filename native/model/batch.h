// What one step computes, as plain data that the engine lays out and the model reads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "model/config.h"
#include "model/forecast.h"

namespace moeflow {

// Positions per block of the key/value cache, and per tile of the attention kernels.
inline constexpr int kKvBlock = 16;

// How a block of kKvBlock positions lies in memory: for each layer and key/value head a key tile [key_dim][16], then a
// value tile [16][value_dim].
struct KvLayout {
  KvLayout(const ModelConfig& config, bool half_precision)
      : half(half_precision),
        element(half_precision ? 2 : 4),
        key_tile(static_cast<size_t>(config.key_dim) * kKvBlock * element),
        value_tile(static_cast<size_t>(config.value_dim) * kKvBlock * element),
        head(key_tile + value_tile),
        layer(head * static_cast<size_t>(config.kv_heads)),
        block(layer * static_cast<size_t>(config.layers)) {}

  size_t key_offset(int layer_index, int kv_head) const {
    return layer * static_cast<size_t>(layer_index) + head * static_cast<size_t>(kv_head);
  }
  size_t value_offset(int layer_index, int kv_head) const { return key_offset(layer_index, kv_head) + key_tile; }

  bool half;
  size_t element;   // bytes of a number
  size_t key_tile;  // bytes, and so on
  size_t value_tile;
  size_t head;
  size_t layer;
  size_t block;
};

// The rows of one sequence in the batch.
struct BatchSequence {
  int32_t first_row = 0;
  int32_t rows = 0;
  int32_t first_position = 0;
  uint8_t* const* blocks = nullptr;  // of the cache, enough for first_position + rows
};

struct Batch {
  std::span<const int32_t> tokens;       // [rows]
  std::span<const int32_t> positions;    // [rows]
  std::span<const int32_t> sequence_of;  // [rows] -> sequences
  std::span<const BatchSequence> sequences;
  std::span<const int32_t> logit_rows;  // rows whose logits are wanted, rising
  const std::atomic<bool>* cancelled = nullptr;
  // [layer] experts that it will probably ask for, the most probable first; empty: nothing is known.
  std::span<const std::vector<int32_t>> predicted;
  // The same, of which it is not known yet whether it will come in time; null: it will not.
  Forecast* forecast = nullptr;

  int rows() const { return static_cast<int>(tokens.size()); }
  // Whether a row is its sequence's only one, as in generating; the others belong to prompts.
  bool is_generated(int32_t row) const {
    return sequences[static_cast<size_t>(sequence_of[static_cast<size_t>(row)])].rows == 1;
  }
  // Whether nothing but prompts is read.
  bool is_prompt() const {
    return std::none_of(sequences.begin(), sequences.end(), [](const BatchSequence& s) { return s.rows == 1; });
  }
};

}  // namespace moeflow
