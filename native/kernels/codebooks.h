// Value tables of the types that store an index instead of a number (ggml-common.h; OCP Microscaling v1.0 for MXFP4).
// Internal linkage throughout: kernel files compiled for different instruction sets include this.
#pragma once

#include <stdint.h>

namespace moeflow {
namespace {

constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// E2M1 values times two.
constexpr int8_t kMxfp4Values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// Half of the E8M0 scale 2^(e - 127): half, because the values above are doubled.
inline float e8m0_half(uint8_t e) {
  const uint32_t bits = e < 2 ? 0x00200000U << e : static_cast<uint32_t>(e - 1) << 23;
  return __builtin_bit_cast(float, bits);
}

}  // namespace
}  // namespace moeflow
