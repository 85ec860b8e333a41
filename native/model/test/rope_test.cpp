// Rotary position embedding against its closed form, and YaRN against the published ranges.
#include "model/rope.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <random>
#include <vector>

using namespace moeflow;

namespace {

RopeConfig plain(int dims, float base) {
  RopeConfig config;
  config.dims = dims;
  config.base = base;
  return config;
}

RopeConfig yarn(int dims, float base, float factor, int original_context) {
  RopeConfig config = plain(dims, base);
  config.yarn = true;
  config.frequency_scale = 1.0F / factor;
  config.original_context = original_context;
  return config;
}

std::vector<float> random_head(size_t n) {
  std::mt19937 random(static_cast<unsigned>(n));
  std::normal_distribution<float> normal(0.0F, 1.0F);
  std::vector<float> head(n);
  for (float& x : head) x = normal(random);
  return head;
}

// Rotates a pair of dimensions by an angle, in double.
void check_pair(const std::vector<float>& before, const std::vector<float>& after, size_t a, size_t b, double angle,
                double magnitude = 1.0) {
  const double x = before[a];
  const double y = before[b];
  CHECK(after[a] == doctest::Approx(magnitude * (x * std::cos(angle) - y * std::sin(angle))).epsilon(2e-6));
  CHECK(after[b] == doctest::Approx(magnitude * (x * std::sin(angle) + y * std::cos(angle))).epsilon(2e-6));
}

double norm(const std::vector<float>& x) {
  double squares = 0;
  for (const float value : x) squares += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(squares);
}

}  // namespace

TEST_CASE("each pair is rotated by position times base^(-2i/d), its neighbours or its halves") {
  for (const float base : {10000.0F, 1e6F}) {
    const RopeTable table(plain(32, base), 4096, nullptr);
    for (const int position : {0, 1, 2, 100, 4095}) {
      const std::vector<float> before = random_head(32);
      std::vector<float> halves = before;
      table.rotate(halves.data(), position, RopePairs::kHalves);
      std::vector<float> neighbours = before;
      table.rotate(neighbours.data(), position, RopePairs::kInterleaved);
      for (size_t i = 0; i < 16; ++i) {
        const double angle = position * std::pow(static_cast<double>(base), -2.0 * static_cast<double>(i) / 32.0);
        check_pair(before, halves, i, i + 16, angle);
        check_pair(before, neighbours, 2 * i, 2 * i + 1, angle);
      }
      CHECK(norm(halves) == doctest::Approx(norm(before)).epsilon(1e-6));
      CHECK(norm(neighbours) == doctest::Approx(norm(before)).epsilon(1e-6));
    }
  }
}

TEST_CASE("position 0 changes nothing, and a partial rotation leaves the rest alone") {
  const RopeTable table(plain(16, 10000.0F), 10, nullptr);
  for (const RopePairs pairs : {RopePairs::kHalves, RopePairs::kInterleaved}) {
    const std::vector<float> before = random_head(24);
    std::vector<float> after = before;
    table.rotate(after.data(), 0, pairs);
    CHECK(after == before);
    table.rotate(after.data(), 9, pairs);
    CHECK(std::vector<float>(after.begin() + 16, after.end()) == std::vector<float>(before.begin() + 16, before.end()));
    CHECK(after[0] != before[0]);
  }
}

TEST_CASE("the scalar product of two rotated heads depends on their distance only") {
  const RopeTable table(plain(64, 10000.0F), 1000, nullptr);
  const auto product = [&](int a, int b) {
    std::vector<float> x = random_head(64);
    std::vector<float> y(x.rbegin(), x.rend());
    table.rotate(x.data(), a, RopePairs::kHalves);
    table.rotate(y.data(), b, RopePairs::kHalves);
    double sum = 0;
    for (size_t i = 0; i < 64; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
    return sum;
  };
  CHECK(product(3, 10) == doctest::Approx(product(503, 510)).epsilon(1e-5));
  CHECK(product(990, 700) == doctest::Approx(product(290, 0)).epsilon(1e-5));
}

TEST_CASE("linear scaling divides every frequency") {
  RopeConfig config = plain(16, 10000.0F);
  config.frequency_scale = 0.25F;
  const std::vector<double> frequencies = rope_frequencies(config);
  for (size_t i = 0; i < 8; ++i) {
    CHECK(frequencies[i] == doctest::Approx(std::pow(10000.0, -static_cast<double>(i) / 8) / 4).epsilon(1e-12));
  }
}

// The ranges are known: DeepSeek-V2's own code gives (10, 23) for its 64 dimensions; for gpt-oss 8.09 .. 17.40 is
// rounded to (8, 18).
TEST_CASE("YaRN keeps high frequencies, divides low ones by the factor and blends between the published bounds") {
  struct Published {
    RopeConfig config;
    double factor;
    size_t low, high;
  };
  for (const Published& model : {Published{yarn(64, 10000.0F, 40.0F, 4096), 40, 10, 23},
                                 Published{yarn(64, 150000.0F, 32.0F, 4096), 32, 8, 18}}) {
    const std::vector<double> frequencies = rope_frequencies(model.config);
    REQUIRE(frequencies.size() == 32);
    for (size_t i = 0; i < 32; ++i) {
      const double original = std::pow(static_cast<double>(model.config.base), -static_cast<double>(i) / 32);
      double interpolated_share = 0;
      if (i >= model.high) interpolated_share = 1;
      if (i > model.low && i < model.high) {
        interpolated_share = static_cast<double>(i - model.low) / static_cast<double>(model.high - model.low);
      }
      const double expected = original * (1 - interpolated_share) + original / model.factor * interpolated_share;
      CAPTURE(i);
      CHECK(frequencies[i] == doctest::Approx(expected).epsilon(1e-6));  // the factor is held as a float's reciprocal
    }
  }
}

// arXiv 2309.00071, section 3.2: a pair that turns r times over the original context is left alone for r > 32 and
// interpolated for r < 1. Rounding the bounds outwards only ever widens the blend.
TEST_CASE("YaRN follows the number of turns over the original context") {
  for (const float base : {10000.0F, 500000.0F, 5e6F}) {
    for (const int context : {2048, 8192, 32768}) {
      const RopeConfig config = yarn(128, base, 8.0F, context);
      const std::vector<double> frequencies = rope_frequencies(config);
      const auto turns = [&](double i) {
        return context * std::pow(static_cast<double>(base), -i / 64) / (2 * std::numbers::pi);
      };
      for (size_t i = 0; i < 64; ++i) {
        const double original = std::pow(static_cast<double>(base), -static_cast<double>(i) / 64);
        const auto dimension = static_cast<double>(i);
        if (turns(dimension + 1) > 32) CHECK(frequencies[i] == doctest::Approx(original).epsilon(1e-12));
        if (turns(dimension - 1) < 1) CHECK(frequencies[i] == doctest::Approx(original / 8).epsilon(1e-6));
        CHECK(frequencies[i] <= original * (1 + 1e-12));
        CHECK(frequencies[i] >= original / 8 * (1 - 1e-6));
      }
    }
  }
}

TEST_CASE("a magnitude multiplies the rotated values") {
  RopeConfig config = plain(8, 10000.0F);
  config.magnitude = 1.25F;
  const RopeTable table(config, 20, nullptr);
  const std::vector<float> before = random_head(8);
  std::vector<float> after = before;
  table.rotate(after.data(), 13, RopePairs::kHalves);
  for (size_t i = 0; i < 4; ++i)
    check_pair(before, after, i, i + 4, 13 * std::pow(10000.0, -static_cast<double>(i) / 4), 1.25);
}

TEST_CASE("Llama 3's factors divide the frequency of each pair") {
  const std::vector<float> factors = {1.0F, 2.5F, 8.0F, 8.0F};
  const RopeTable table(plain(8, 500000.0F), 20, factors.data());
  const std::vector<float> before = random_head(8);
  std::vector<float> after = before;
  table.rotate(after.data(), 17, RopePairs::kInterleaved);
  for (size_t i = 0; i < 4; ++i) {
    const double angle = 17 * std::pow(500000.0, -static_cast<double>(i) / 4) / static_cast<double>(factors[i]);
    check_pair(before, after, 2 * i, 2 * i + 1, angle);
  }
}
