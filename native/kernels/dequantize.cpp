// Block formats, decoded value by value after ggml's definitions (ggml-common.h, ggml-quants.c of ggml-org/ggml). Slow
// and plain on purpose: the fast kernels are checked against this, and this against golden blocks.
#include <bit>
#include <cstring>

#include "kernels/codebooks.h"
#include "kernels/kernels.h"

namespace moeflow {

float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = (half >> 10) & 0x1f;
  const uint32_t mantissa = half & 0x3ff;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000 | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
  return sign ? -magnitude : magnitude;
}

uint16_t float_to_half(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);
  if (magnitude >= 0x47800000) return static_cast<uint16_t>(sign | 0x7c00);
  if (magnitude < 0x38800000) {
    // Subnormal half: adding 2^-1 puts the unit of 2^-24 at the float's last bit, and the addition rounds to even.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(0.5F)));
  }
  const uint32_t odd = (magnitude >> 13) & 1;
  return static_cast<uint16_t>(sign | ((magnitude - 0x38000000 + 0xfff + odd) >> 13));
}

namespace {

float half_at(const uint8_t* p) {
  uint16_t half = 0;
  std::memcpy(&half, p, sizeof(half));
  return half_to_float(half);
}

void q4_0(const uint8_t* b, float* y) {
  const float d = half_at(b);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>((b[2 + j] & 15) - 8);
    y[j + 16] = d * static_cast<float>((b[2 + j] >> 4) - 8);
  }
}

void q4_1(const uint8_t* b, float* y) {
  const float d = half_at(b);
  const float m = half_at(b + 2);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>(b[4 + j] & 15) + m;
    y[j + 16] = d * static_cast<float>(b[4 + j] >> 4) + m;
  }
}

// The fifth bits of Q5_0 and Q5_1: bit j of a little-endian word belongs to value j.
int fifth_bit(const uint8_t* word, int j) { return ((word[j / 8] >> (j % 8)) & 1) << 4; }

void q5_0(const uint8_t* b, float* y) {
  const float d = half_at(b);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>(((b[6 + j] & 15) | fifth_bit(b + 2, j)) - 16);
    y[j + 16] = d * static_cast<float>(((b[6 + j] >> 4) | fifth_bit(b + 2, j + 16)) - 16);
  }
}

void q5_1(const uint8_t* b, float* y) {
  const float d = half_at(b);
  const float m = half_at(b + 2);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>((b[8 + j] & 15) | fifth_bit(b + 4, j)) + m;
    y[j + 16] = d * static_cast<float>((b[8 + j] >> 4) | fifth_bit(b + 4, j + 16)) + m;
  }
}

void q8_0(const uint8_t* b, float* y) {
  const float d = half_at(b);
  for (int j = 0; j < 32; ++j) y[j] = d * static_cast<float>(static_cast<int8_t>(b[2 + j]));
}

void q2_k(const uint8_t* b, float* y) {
  const float d = half_at(b + 80);
  const float dmin = half_at(b + 82);
  for (int i = 0; i < 256; ++i) {
    const uint8_t scale = b[i / 16];
    const int q = (b[16 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3;
    y[i] = d * static_cast<float>(scale & 15) * static_cast<float>(q) - dmin * static_cast<float>(scale >> 4);
  }
}

// Q3_K packs sixteen 6-bit scales in 12 bytes: low nibbles first, then the upper two bits.
int q3_k_scale(const uint8_t* s, int g) {
  const int low = g < 8 ? s[g] & 15 : s[g - 8] >> 4;
  const int high = (s[8 + g % 4] >> (g / 4 * 2)) & 3;
  return (low | (high << 4)) - 32;
}

void q3_k(const uint8_t* b, float* y) {
  const float d = half_at(b + 108);
  for (int i = 0; i < 256; ++i) {
    const int low = (b[32 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3;
    const int high = (b[i % 32] >> (i / 32)) & 1;
    y[i] = d * static_cast<float>(q3_k_scale(b + 96, i / 16)) * static_cast<float>(low + 4 * high - 4);
  }
}

// Q4_K and Q5_K pack eight 6-bit scales and eight 6-bit mins in 12 bytes.
void k_scale_min(const uint8_t* s, int g, int& scale, int& min) {
  if (g < 4) {
    scale = s[g] & 63;
    min = s[g + 4] & 63;
  } else {
    scale = (s[g + 4] & 15) | ((s[g - 4] >> 6) << 4);
    min = (s[g + 4] >> 4) | ((s[g] >> 6) << 4);
  }
}

// Q5_K is Q4_K with a fifth bit in `high` (null for Q4_K).
void q45_k(const uint8_t* b, const uint8_t* high, const uint8_t* low, float* y) {
  const float d = half_at(b);
  const float dmin = half_at(b + 2);
  for (int i = 0; i < 256; ++i) {
    int scale = 0;
    int min = 0;
    k_scale_min(b + 4, i / 32, scale, min);
    int q = (low[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4)) & 15;
    if (high) q |= ((high[i % 32] >> (i / 32)) & 1) << 4;
    y[i] = d * static_cast<float>(scale) * static_cast<float>(q) - dmin * static_cast<float>(min);
  }
}

void q6_k(const uint8_t* b, float* y) {
  const float d = half_at(b + 208);
  for (int i = 0; i < 256; ++i) {
    const int half = i / 128;
    const int part = i % 128 / 32;
    const int low = (b[half * 64 + (part % 2) * 32 + i % 32] >> (part / 2 * 4)) & 15;
    const int high = (b[128 + half * 32 + i % 32] >> (part * 2)) & 3;
    const auto scale = static_cast<int8_t>(b[192 + i / 16]);
    y[i] = d * static_cast<float>(scale) * static_cast<float>((low | (high << 4)) - 32);
  }
}

void iq4_nl(const uint8_t* b, float* y) {
  const float d = half_at(b);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>(kIq4Values[b[2 + j] & 15]);
    y[j + 16] = d * static_cast<float>(kIq4Values[b[2 + j] >> 4]);
  }
}

void iq4_xs(const uint8_t* b, float* y) {
  const float d = half_at(b);
  const int scales_high = b[2] | (b[3] << 8);
  for (int i = 0; i < 256; ++i) {
    const int g = i / 32;
    const int scale = ((b[4 + g / 2] >> (g % 2 * 4)) & 15) | (((scales_high >> (2 * g)) & 3) << 4);
    const int q = (b[8 + g * 16 + i % 16] >> (i % 32 / 16 * 4)) & 15;
    y[i] = d * static_cast<float>(scale - 32) * static_cast<float>(kIq4Values[q]);
  }
}

void mxfp4(const uint8_t* b, float* y) {
  const float d = e8m0_half(b[0]);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>(kMxfp4Values[b[1 + j] & 15]);
    y[j + 16] = d * static_cast<float>(kMxfp4Values[b[1 + j] >> 4]);
  }
}

void decode_block(DType type, const uint8_t* b, float* y) {
  switch (type) {
    case DType::kF32: std::memcpy(y, b, 4); return;
    case DType::kF16: *y = half_at(b); return;
    case DType::kBF16: *y = std::bit_cast<float>(static_cast<uint32_t>(b[0] | (b[1] << 8)) << 16); return;
    case DType::kQ4_0: return q4_0(b, y);
    case DType::kQ4_1: return q4_1(b, y);
    case DType::kQ5_0: return q5_0(b, y);
    case DType::kQ5_1: return q5_1(b, y);
    case DType::kQ8_0: return q8_0(b, y);
    case DType::kQ2_K: return q2_k(b, y);
    case DType::kQ3_K: return q3_k(b, y);
    case DType::kQ4_K: return q45_k(b, nullptr, b + 16, y);
    case DType::kQ5_K: return q45_k(b, b + 16, b + 48, y);
    case DType::kQ6_K: return q6_k(b, y);
    case DType::kIQ4_NL: return iq4_nl(b, y);
    case DType::kIQ4_XS: return iq4_xs(b, y);
    case DType::kMXFP4: return mxfp4(b, y);
  }
}

}  // namespace

void dequantize(DType type, const uint8_t* blocks, int64_t values, float* out) {
  const DTypeTraits& t = traits(type);
  for (int64_t i = 0; i < values; i += t.block_values, blocks += t.block_bytes) decode_block(type, blocks, out + i);
}

}  // namespace moeflow
