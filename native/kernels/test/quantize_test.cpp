// The 8-bit form of activations: blocks of 32 with one scale, and the sums that the products need.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "base/memory.h"
#include "kernels/test/kernel_sets.h"

using namespace moeflow;
using namespace moeflow::test;

namespace {

// One quantised row, taken apart.
struct Row {
  std::vector<int8_t> values;
  std::vector<float> scale, scaled_sum, scaled_sum16;
  std::vector<int32_t> negative_sum, negative_sum16;

  bool operator==(const Row&) const = default;
};

template <typename T>
std::vector<T> part(const AlignedBuffer& row, size_t offset, size_t count) {
  std::vector<T> values(count);
  std::memcpy(values.data(), row.bytes() + offset, count * sizeof(T));
  return values;
}

Row take_apart(const AlignedBuffer& row, size_t cols) {
  const QuantizedRowLayout layout(static_cast<int64_t>(cols));
  return {part<int8_t>(row, 0, cols),
          part<float>(row, layout.scale, cols / 32),
          part<float>(row, layout.scaled_sum, cols / 32),
          part<float>(row, layout.scaled_sum16, cols / 16),
          part<int32_t>(row, layout.negative_sum, cols / 32),
          part<int32_t>(row, layout.negative_sum16, cols / 16)};
}

Row quantize(const KernelSet& set, const std::vector<float>& x) {
  const auto cols = static_cast<int64_t>(x.size());
  const AlignedBuffer row(QuantizedRowLayout(cols).bytes, "test");
  set.quantize(x.data(), 0, cols, cols, row.bytes());
  return take_apart(row, x.size());
}

std::vector<float> random_row(size_t cols, float size, std::mt19937& random) {
  std::normal_distribution<float> normal(0.0F, size);
  std::vector<float> x(cols);
  std::generate(x.begin(), x.end(), [&] { return normal(random); });
  return x;
}

}  // namespace

TEST_CASE("a quantised value is within half a step, a 254th of its block's largest, of the true one") {
  std::mt19937 random(1);
  for (const float size : {1e-30F, 1e-3F, 1.0F, 1e3F, 1e30F}) {
    const std::vector<float> x = random_row(512, size, random);
    const Row row = quantize(select_kernels(""), x);
    for (size_t i = 0; i < x.size(); ++i) {
      const float* block = &x[i / 32 * 32];
      double largest = 0;
      for (size_t j = 0; j < 32; ++j) largest = std::max(largest, std::abs(static_cast<double>(block[j])));
      const double error = std::abs(static_cast<double>(row.scale[i / 32]) * row.values[i] - static_cast<double>(x[i]));
      if (error > largest / 254 * (1 + 1e-4)) FAIL_CHECK(x[i], " is off by ", error, " where the largest is ", largest);
    }
  }
}

TEST_CASE("the sums are those of the quantised values") {
  std::mt19937 random(2);
  const Row row = quantize(select_kernels(""), random_row(256, 1.0F, random));
  for (size_t half = 0; half < 16; ++half) {
    int sum = 0;
    for (size_t i = 0; i < 16; ++i) sum += row.values[16 * half + i];
    CHECK(row.negative_sum16[half] == -sum);
    CHECK(row.scaled_sum16[half] == row.scale[half / 2] * static_cast<float>(sum));
  }
  for (size_t block = 0; block < 8; ++block) {
    const int sum = -row.negative_sum16[2 * block] - row.negative_sum16[2 * block + 1];
    CHECK(row.negative_sum[block] == -sum);
    CHECK(row.scaled_sum[block] == row.scale[block] * static_cast<float>(sum));
  }
}

TEST_CASE("a block of zeros of either sign has scale and sums 0") {
  for (const KernelSet* set : usable_sets()) {
    const Row row = quantize(*set, std::vector<float>(32, -0.0F));
    CHECK(row == quantize(*set, std::vector<float>(32, 0.0F)));
    CHECK(row.values == std::vector<int8_t>(32, 0));
    CHECK(row.scale[0] == 0.0F);
    CHECK(row.negative_sum[0] == 0);
    CHECK(row.scaled_sum[0] == 0.0F);
  }
}

TEST_CASE("values half way between two steps go to the even one") {
  std::vector<float> x(32, 0.0F);
  x[0] = -127.0F;  // the largest: one step is 1
  const float halves[] = {0.5F, 1.5F, 2.5F, -0.5F, -1.5F, -2.5F, 125.5F, 126.5F, -126.5F};
  const int8_t even[] = {0, 2, 2, 0, -2, -2, 126, 126, -126};
  std::copy(std::begin(halves), std::end(halves), x.begin() + 15);
  for (const KernelSet* set : usable_sets()) {
    const Row row = quantize(*set, x);
    CHECK(row.scale[0] == 1.0F);
    CHECK(row.values[0] == -127);
    for (size_t i = 0; i < std::size(even); ++i) CHECK(row.values[15 + i] == even[i]);
  }
}

TEST_CASE("every kernel set gives the portable row, whole or in parts") {
  std::mt19937 random(3);
  for (const float size : {1e-30F, 1.0F, 1e30F}) {
    std::vector<float> x = random_row(192, size, random);
    std::fill(x.begin() + 32, x.begin() + 64, 0.0F);
    const Row expected = quantize(select_kernels("portable"), x);
    for (const KernelSet* set : usable_sets()) {
      CAPTURE(std::string(set->name));
      CHECK(quantize(*set, x) == expected);
      const AlignedBuffer row(QuantizedRowLayout(192).bytes, "test");
      set->quantize(x.data() + 64, 64, 128, 192, row.bytes());
      set->quantize(x.data(), 0, 32, 192, row.bytes());
      set->quantize(x.data() + 32, 32, 32, 192, row.bytes());
      CHECK(take_apart(row, 192) == expected);
    }
  }
}

TEST_CASE("blocks too small for a finite reciprocal are as good as zero, and the same in every set") {
  for (const float largest : {std::numeric_limits<float>::denorm_min(), 1e-40F, 1e-38F, 3e-37F, 4e-37F, 1e-35F}) {
    CAPTURE(largest);
    std::vector<float> x(32, -largest / 2);
    x[3] = largest;
    const Row expected = quantize(select_kernels("portable"), x);
    for (size_t i = 0; i < 32; ++i) {
      CHECK(std::abs(expected.scale[0] * static_cast<float>(expected.values[i]) - x[i]) <= 4e-37F);
    }
    CHECK(std::abs(expected.scaled_sum[0]) <= 32 * largest);
    for (const KernelSet* set : usable_sets()) CHECK_MESSAGE(quantize(*set, x) == expected, std::string(set->name));
  }
}

TEST_CASE("what is no number quantises to something in range, so that no sum overflows") {
  std::mt19937 random(4);
  const float infinity = std::numeric_limits<float>::infinity();
  const float damage[] = {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity,
                          std::numeric_limits<float>::max()};
  for (int round = 0; round < 200; ++round) {
    std::vector<float> x = random_row(64, 1.0F, random);
    for (float& value : x) {
      if (round == 0 || random() % 4 == 0) value = damage[random() % 4];
    }
    for (const KernelSet* set : usable_sets()) {
      const Row row = quantize(*set, x);
      for (size_t half = 0; half < 4; ++half) {
        int sum = 0;
        for (size_t i = 0; i < 16; ++i) sum += row.values[16 * half + i];
        CHECK(row.negative_sum16[half] == -sum);
      }
      CHECK(*std::min_element(row.values.begin(), row.values.end()) >= -127);
    }
  }
}
