// Conversion between float and half precision, over every half there is.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/kernels.h"

using namespace moeflow;

namespace {

constexpr uint16_t kInfinity = 0x7c00;
constexpr uint16_t kLargest = 0x7bff;  // 65504

// IEEE 754, binary16: sign, 5 bits of exponent, 10 of fraction.
double value_of(uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

bool is_nan(uint16_t half) { return (half & 0x7fff) > kInfinity; }

}  // namespace

TEST_CASE("every half has the value that IEEE 754 gives it, and comes back from it") {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = half_to_float(half);
    if (is_nan(half)) {
      if (!std::isnan(value) || !is_nan(float_to_half(value))) FAIL_CHECK("NaN ", half, " becomes ", value);
      continue;
    }
    const double expected =
        (half & 0x7fff) == kInfinity ? std::copysign(INFINITY, half & 0x8000 ? -1.0 : 1.0) : value_of(half);
    if (static_cast<double>(value) != expected || std::signbit(value) != ((half & 0x8000) != 0)) {
      FAIL_CHECK("half ", half, " becomes ", value, ", expected ", expected);
    }
    if (float_to_half(value) != half) FAIL_CHECK("half ", half, " comes back as ", float_to_half(value));
  }
}

TEST_CASE("a float between two halves goes to the nearer one, and from the middle to the even one") {
  for (uint16_t lower = 0; lower < kLargest; ++lower) {
    const auto upper = static_cast<uint16_t>(lower + 1);
    const auto middle = static_cast<float>((value_of(lower) + value_of(upper)) / 2);  // exact: 12 bits
    const uint16_t even = lower % 2 == 0 ? lower : upper;
    const bool right = float_to_half(middle) == even && float_to_half(std::nextafterf(middle, 0.0F)) == lower &&
                       float_to_half(std::nextafterf(middle, INFINITY)) == upper &&
                       float_to_half(-middle) == (even | 0x8000);
    if (!right) FAIL_CHECK("between halves ", lower, " and ", upper);
  }
}

TEST_CASE("floats beyond the range of halves become infinite, tiny ones zero, and signs stay") {
  CHECK(float_to_half(65519.996F) == kLargest);
  CHECK(float_to_half(65520.0F) == kInfinity);
  CHECK(float_to_half(std::numeric_limits<float>::max()) == kInfinity);
  CHECK(float_to_half(INFINITY) == kInfinity);
  CHECK(float_to_half(-INFINITY) == (kInfinity | 0x8000));
  CHECK(float_to_half(0x1p-25F) == 0);  // the middle between 0 and the smallest half
  CHECK(float_to_half(std::numeric_limits<float>::denorm_min()) == 0);
  CHECK(float_to_half(-std::numeric_limits<float>::denorm_min()) == 0x8000);
  CHECK(float_to_half(-0.0F) == 0x8000);
}
