// The tensor types of GGUF: numbers, names and block sizes (ggml's numbering; the format document is
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
#pragma once

#include <cstddef>
#include <cstdint>

namespace moeflow {

enum class DType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kIQ4_NL = 20,
  kIQ4_XS = 23,
  kBF16 = 30,
  kMXFP4 = 39,
};

// One past the largest supported type number: the size of tables indexed by DType.
inline constexpr size_t kDTypeTableSize = 40;

struct DTypeTraits {
  const char* name;       // as ggml spells it; nullptr for a number that moeflow cannot read
  uint32_t block_values;  // values in a block
  uint32_t block_bytes;   // bytes of a block
};

// Traits of a supported type, nullptr for any other number.
const DTypeTraits* dtype_traits(uint32_t number);

inline const DTypeTraits& traits(DType type) { return *dtype_traits(static_cast<uint32_t>(type)); }

// What to call a number that is not supported: "Q4_2, removed from the format", "I32, not a weight type", "unknown".
const char* unsupported_dtype_reason(uint32_t number);

inline bool is_float(DType type) { return type == DType::kF32 || type == DType::kF16 || type == DType::kBF16; }

// Bytes of a row of `values` values; values must be a multiple of the block.
inline size_t row_bytes(DType type, size_t values) {
  const DTypeTraits& t = traits(type);
  return values / t.block_values * t.block_bytes;
}

}  // namespace moeflow
