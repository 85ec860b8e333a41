// The products with weights: every kernel set gives the bits of the portable one, for any number of rows and tokens,
// and those bits are close to the plain sum over dequantised weights.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "base/memory.h"
#include "kernels/kernels.h"

using namespace moeflow;

namespace {

constexpr DType kTypes[] = {DType::kF32,  DType::kF16,    DType::kBF16,   DType::kQ4_0, DType::kQ4_1, DType::kQ5_0,
                            DType::kQ5_1, DType::kQ8_0,   DType::kQ2_K,   DType::kQ3_K, DType::kQ4_K, DType::kQ5_K,
                            DType::kQ6_K, DType::kIQ4_NL, DType::kIQ4_XS, DType::kMXFP4};

std::vector<const KernelSet*> usable_sets() {
  std::vector<const KernelSet*> sets;
  std::istringstream names(available_kernels());
  for (std::string name; std::getline(names, name, ',');) {
    const size_t start = name.find_first_not_of(' ');
    sets.push_back(&select_kernels(name.c_str() + start));
  }
  return sets;
}

void put_half(uint8_t* p, float value) {
  const uint16_t half = float_to_half(value);
  std::memcpy(p, &half, 2);
}

// Random blocks with every code possible, scales made finite and of both signs.
std::vector<uint8_t> random_weights(DType type, int64_t rows, int64_t cols, std::mt19937& random) {
  std::vector<uint8_t> bytes(static_cast<size_t>(rows) * row_bytes(type, static_cast<size_t>(cols)));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  std::uniform_real_distribution<float> value(-1.0F, 1.0F);
  const size_t block = traits(type).block_bytes;
  for (size_t at = 0; at + block <= bytes.size(); at += block) {
    uint8_t* b = bytes.data() + at;
    switch (type) {
      case DType::kF32: {
        const float x = value(random);
        std::memcpy(b, &x, 4);
        break;
      }
      case DType::kF16: put_half(b, value(random)); break;
      case DType::kBF16: {
        const float x = value(random);
        std::memcpy(b, reinterpret_cast<const uint8_t*>(&x) + 2, 2);
        break;
      }
      case DType::kQ4_1:
      case DType::kQ5_1:
      case DType::kQ4_K:
      case DType::kQ5_K:
        put_half(b, value(random));
        put_half(b + 2, value(random));
        break;
      case DType::kQ2_K:
        put_half(b + 80, value(random));
        put_half(b + 82, value(random));
        break;
      case DType::kQ3_K: put_half(b + 108, value(random)); break;
      case DType::kQ6_K: put_half(b + 208, value(random)); break;
      case DType::kMXFP4: b[0] = static_cast<uint8_t>(120 + random() % 8); break;
      default: put_half(b, value(random)); break;
    }
  }
  return bytes;
}

struct Problem {
  int64_t rows, cols, tokens;
  std::vector<uint8_t> weights;
  std::vector<float> x;
  AlignedBuffer quantized;
  size_t quantized_stride;

  Problem(DType type, int64_t rows_, int64_t cols_, int64_t tokens_, std::mt19937& random)
      : rows(rows_), cols(cols_), tokens(tokens_), weights(random_weights(type, rows_, cols_, random)) {
    std::normal_distribution<float> normal(0.0F, 1.0F);
    for (int64_t i = 0; i < tokens * cols; ++i) x.push_back(normal(random) * (i % 97 == 0 ? 30.0F : 1.0F));
    for (int64_t i = 0; i < 32 && i < cols; ++i) x[static_cast<size_t>(i)] = 0.0F;  // a block of zeros
    quantized_stride = QuantizedRowLayout(cols).bytes;
    quantized = AlignedBuffer(static_cast<size_t>(tokens) * quantized_stride + 64, "test");
  }

  std::vector<float> run(const KernelSet& set, DType type, int64_t begin, int64_t end,
                         const std::vector<int32_t>& picked) {
    const bool quantizes = set.quantizes_activations && !is_float(type);
    if (quantizes) {
      for (int64_t t = 0; t < tokens; ++t) {
        set.quantize(x.data() + t * cols, 0, cols, cols, quantized.bytes() + static_cast<size_t>(t) * quantized_stride);
      }
    }
    MatmulArgs args;
    args.weights = {weights.data(), type, rows, cols, row_bytes(type, static_cast<size_t>(cols))};
    args.row_begin = begin;
    args.row_end = end;
    args.activations = {x.data(), static_cast<size_t>(cols), quantizes ? quantized.bytes() : nullptr, quantized_stride};
    args.tokens = picked.empty() ? nullptr : picked.data();
    args.token_count = picked.empty() ? tokens : static_cast<int64_t>(picked.size());
    std::vector<float> y(static_cast<size_t>(args.token_count * (end - begin)), -7.0F);
    args.y = y.data();
    args.y_stride = static_cast<size_t>(end - begin);
    AlignedBuffer scratch(matmul_scratch_bytes(cols), "test");
    args.scratch = scratch.bytes();
    set.matmul(args);
    return y;
  }
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("all kernel sets give the portable bits, whatever the rows, the tokens and their order") {
  std::mt19937 random(7);
  const KernelSet& portable = select_kernels("portable");
  for (const DType type : kTypes) {
    CAPTURE(traits(type).name);
    const int64_t cols = traits(type).block_values == 256 ? 512 : 96;
    for (const int64_t tokens : {1, 2, 3, 4, 5, 8, 9, 13, 16, 37, 64, 100, 129, 150}) {
      Problem problem(type, 37, cols, tokens, random);
      const std::vector<float> whole = problem.run(portable, type, 0, 37, {});
      for (const KernelSet* set : usable_sets()) {
        if (!set->quantizes_activations) continue;
        CAPTURE(set->name);
        CAPTURE(tokens);
        CHECK(same_bits(problem.run(*set, type, 0, 37, {}), whole));
        // A part of the rows for one token that is not the first.
        const auto last = static_cast<int32_t>(tokens - 1);
        const std::vector<float> part = problem.run(*set, type, 16, 21, {last});
        CHECK(same_bits(part, {whole.begin() + last * 37 + 16, whole.begin() + last * 37 + 21}));
        // All tokens, last first, by their numbers.
        std::vector<int32_t> backwards;
        std::vector<float> expected;
        for (int32_t t = last; t >= 0; --t) {
          backwards.push_back(t);
          expected.insert(expected.end(), whole.begin() + t * 37, whole.begin() + (t + 1) * 37);
        }
        CHECK(same_bits(problem.run(*set, type, 0, 37, backwards), expected));
      }
    }
  }
}

TEST_CASE("float rows that end inside a group of 16 columns") {
  std::mt19937 random(11);
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const int64_t cols : {1, 15, 17, 40}) {
      Problem problem(type, 5, cols, 3, random);
      const std::vector<float> expected = problem.run(select_kernels("portable"), type, 0, 5, {});
      const std::vector<float> plain = problem.run(select_kernels("reference"), type, 0, 5, {});
      for (size_t i = 0; i < plain.size(); ++i) CHECK(expected[i] == doctest::Approx(plain[i]).epsilon(1e-4));
      for (const KernelSet* set : usable_sets()) {
        if (set->quantizes_activations) CHECK(same_bits(problem.run(*set, type, 0, 5, {}), expected));
      }
    }
  }
}

TEST_CASE("products stay within the rounding of 8-bit activations of the plain sum over dequantised weights") {
  std::mt19937 random(3);
  for (const DType type : kTypes) {
    CAPTURE(traits(type).name);
    Problem problem(type, 16, 512, 4, random);
    const std::vector<float> plain = problem.run(select_kernels("reference"), type, 0, 16, {});
    const std::vector<float> fast = problem.run(select_kernels(""), type, 0, 16, {});
    double error = 0;
    double size = 0;
    for (size_t i = 0; i < plain.size(); ++i) {
      error += (plain[i] - fast[i]) * (plain[i] - fast[i]);
      size += plain[i] * plain[i];
    }
    // 8-bit rounding with one scale per 32 values: below 1% of the result's size; float weights: rounding only.
    CHECK(std::sqrt(error / size) < (is_float(type) ? 1e-6 : 2.5e-2));
  }
}
