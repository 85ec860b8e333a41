// The seam between the model and the arithmetic: plain pointers in, plain pointers out, one table of functions per
// instruction set. No kernel allocates, locks or throws.
//
// One accumulation order (docs/decisions/0002-one-accumulation-order.md). Every set but `reference` gives the same
// bits:
//  - Quantised weights: activations are int8 in blocks of 32 with one float scale. Inside a group (16 or 32 columns
//  with
//    one weight scale) the integer sum is exact. Across groups each output is one chain, in column order:
//    y = fma(weight_scale * activation_scale, float(integer_sum), y), then for types with an additive part
//    y = fma(weight_min, activation_scale * float(activation_sum), y), block of 32 by block of 32.
//  - Float weights: 16 lanes, lane j takes the columns congruent to j modulo 16 in order, one fma each; then the lanes
//    are added in halves: l + (l+8), + (l+4), + (l+2), + (l+1).
//  - Attention: a score is one fma chain over the head's dimensions; an output element is one fma chain over positions.
// So the bits depend neither on how many rows, tokens or threads take part, nor on the width of the registers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gguf/types.h"

namespace moeflow {

// A weight matrix as the file holds it: `rows` outputs of `cols` inputs each.
struct Matrix {
  const uint8_t* data = nullptr;
  DType type = DType::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
  size_t row_bytes = 0;

  explicit operator bool() const { return data != nullptr; }
  const uint8_t* row(int64_t r) const { return data + static_cast<size_t>(r) * row_bytes; }
};

// Where the parts of one quantised activation row lie, in bytes from its start. All parts are per block of 32 columns
// (per half block where named 16): sums are of the int8 values, `negative` ones with the sign turned.
struct QuantizedRowLayout {
  explicit QuantizedRowLayout(int64_t cols)
      : scale(static_cast<size_t>(cols)),
        negative_sum(scale + static_cast<size_t>(cols) / 8),
        scaled_sum(negative_sum + static_cast<size_t>(cols) / 8),
        negative_sum16(scaled_sum + static_cast<size_t>(cols) / 8),
        scaled_sum16(negative_sum16 + static_cast<size_t>(cols) / 4),
        bytes((scaled_sum16 + static_cast<size_t>(cols) / 4 + 63) / 64 * 64) {}
  size_t scale;           // float[cols / 32]
  size_t negative_sum;    // int32[cols / 32]
  size_t scaled_sum;      // float[cols / 32]
  size_t negative_sum16;  // int32[cols / 16]
  size_t scaled_sum16;    // float[cols / 16]
  size_t bytes;           // of the whole row, a multiple of 64
};

// Activation rows (one per token). `quantized` is null when no consumer has quantised weights.
struct Activations {
  const float* values = nullptr;  // [rows][stride]
  size_t stride = 0;              // floats from row to row
  const uint8_t* quantized = nullptr;
  size_t quantized_stride = 0;  // bytes from row to row, QuantizedRowLayout::bytes
};

// y[i * y_stride + (r - row_begin)] = weights[r] . activations[tokens ? tokens[i] : i]
// for i in [0, token_count) and r in [row_begin, row_end).
struct MatmulArgs {
  Matrix weights;
  int64_t row_begin = 0;
  int64_t row_end = 0;
  Activations activations;
  const int32_t* tokens = nullptr;
  int64_t token_count = 0;
  float* y = nullptr;
  size_t y_stride = 0;
  uint8_t* scratch = nullptr;  // matmul_scratch_bytes() of this thread's own
  // Weights that this thread will read after this call, to be brought into cache on the way, or null.
  const uint8_t* next = nullptr;
};

// How many queries a kernel scores at once.
inline constexpr int kAttentionQueries = 4;

// Attention of some query heads of one token group over one key/value head. Keys lie in tiles of 16 positions,
// transposed: key_tiles[t] is [key_dim][16]; values lie by position: value_tiles[t] is [16][value_dim].
struct AttentionArgs {
  const float* const* queries = nullptr;  // [query_count] -> [key_dim]
  float* const* outputs = nullptr;        // [query_count] -> [value_dim]
  const int32_t* begin = nullptr;         // [query_count] first position that the query sees
  const int32_t* end = nullptr;           // [query_count] one past the last
  const float* sinks = nullptr;           // [query_count] extra logit that only takes part in the sum, or null
  int query_count = 0;
  const void* const* key_tiles = nullptr;  // [ceil(max end / 16)]
  const void* const* value_tiles = nullptr;
  int key_dim = 0;
  int value_dim = 0;
  float scale = 1.0F;
  bool half_cache = false;  // the cache holds float16, otherwise float32
  float* scores = nullptr;  // scratch: [kAttentionQueries][score_stride]
  size_t score_stride = 0;  // at least max end rounded up to 64
};

struct KernelSet {
  const char* name;
  bool quantizes_activations;  // false only for the reference
  void (*matmul)(const MatmulArgs&);
  // Quantises `cols` (a multiple of 32) values into one row of QuantizedRowLayout. `first` columns into the row.
  void (*quantize)(const float* x, int64_t first, int64_t count, int64_t cols, uint8_t* row);
  // y = x / sqrt(mean(x^2) + epsilon) * weight
  void (*rms_norm)(const float* x, const float* weight, float epsilon, int64_t n, float* y);
  // gate = silu(gate) * up
  void (*silu_multiply)(float* gate, const float* up, int64_t n);
  // gpt-oss: g = min(gate, limit), u = clamp(up, +-limit): gate = g * sigmoid(alpha * g) * (u + 1)
  void (*clamped_swiglu)(float* gate, const float* up, int64_t n, float alpha, float limit);
  // y += scale * x, one fma each
  void (*add_scaled)(float* y, const float* x, float scale, int64_t n);
  void (*attention)(const AttentionArgs&);
};

// Scratch that a matmul of rows of at most `cols` columns needs, per thread.
size_t matmul_scratch_bytes(int64_t cols);

// The set named by `name` ("reference", "portable", "avx2", "avx512", "amx", "neon"), or the fastest that this machine
// has when `name` is empty. Throws Error(kInvalidArgument) for an unknown name or one that this machine cannot run.
const KernelSet& select_kernels(const char* name);

// Names of the sets that this machine can run, fastest first, as "a, b, c".
const char* available_kernels();

// Values of `count` blocks, as the format defines them. The one place that the reference and the loaders decode with.
void dequantize(DType type, const uint8_t* blocks, int64_t values, float* out);

float half_to_float(uint16_t half);
uint16_t float_to_half(float value);

}  // namespace moeflow
