// Norm and activations: every kernel set gives the bits of the portable one, and those are close to the formula in
// double.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "kernels/test/kernel_sets.h"

using namespace moeflow;
using namespace moeflow::test;

namespace {

constexpr size_t kLengths[] = {1, 15, 16, 17, 100};
constexpr float kAlpha = 1.702F;
constexpr float kLimit = 7.0F;

std::vector<float> normal_values(size_t n, float size, std::mt19937& random) {
  std::normal_distribution<float> normal(0.0F, size);
  std::vector<float> values(n);
  std::generate(values.begin(), values.end(), [&] { return normal(random); });
  return values;
}

// Zeros of both signs, subnormals, the edges of the exponential's range and the largest numbers, shuffled into `n`.
std::vector<float> special_values(size_t n, std::mt19937& random) {
  using Limits = std::numeric_limits<float>;
  const float specials[] = {0.0F,
                            -0.0F,
                            Limits::denorm_min(),
                            -Limits::denorm_min(),
                            1e-40F,
                            Limits::min(),
                            1e-20F,
                            1.0F,
                            -1.0F,
                            7.0F,
                            -7.0F,
                            87.0F,
                            -87.0F,
                            87.31F,
                            -87.31F,
                            88.31F,
                            -88.31F,
                            100.0F,
                            -1e4F,
                            1e30F,
                            -1e30F,
                            Limits::max(),
                            Limits::lowest()};
  std::vector<float> values(n);
  std::generate(values.begin(), values.end(), [&] { return specials[random() % std::size(specials)]; });
  return values;
}

bool same_bits_or_both_nan(const std::vector<float>& a, const std::vector<float>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (!same_bits({&a[i], 1}, {&b[i], 1}) && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
  }
  return a.size() == b.size();
}

// Runs an operation `x op= y` of every set on ordinary and special values.
void check_bits(const std::function<void(const KernelSet&, float* x, const float* y, int64_t n)>& operation) {
  std::mt19937 random(5);
  for (const size_t n : kLengths) {
    for (int round = 0; round < 40; ++round) {
      const bool special = round % 2 == 1;
      const std::vector<float> x = special ? special_values(n, random) : normal_values(n, 4.0F, random);
      const std::vector<float> y = special ? special_values(n, random) : normal_values(n, 4.0F, random);
      std::vector<float> expected = x;
      operation(select_kernels("portable"), expected.data(), y.data(), static_cast<int64_t>(n));
      for (const KernelSet* set : usable_sets()) {
        std::vector<float> result = x;
        operation(*set, result.data(), y.data(), static_cast<int64_t>(n));
        CHECK_MESSAGE(same_bits_or_both_nan(result, expected), std::string(set->name), " of ", n,
                      std::string(special ? " special values" : ""));
      }
    }
  }
}

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

}  // namespace

TEST_CASE("every kernel set gives the portable bits of norm and activations, for any length and special values") {
  SUBCASE("rms norm") {
    check_bits([](const KernelSet& set, float* x, const float* y, int64_t n) { set.rms_norm(x, y, 1e-6F, n, x); });
  }
  SUBCASE("silu") {
    check_bits([](const KernelSet& set, float* x, const float* y, int64_t n) { set.silu_multiply(x, y, n); });
  }
  SUBCASE("clamped swiglu") {
    check_bits(
        [](const KernelSet& set, float* x, const float* y, int64_t n) { set.clamped_swiglu(x, y, n, kAlpha, kLimit); });
  }
  SUBCASE("add scaled") {
    check_bits([](const KernelSet& set, float* x, const float* y, int64_t n) { set.add_scaled(x, y, 0.3F, n); });
  }
}

TEST_CASE("rms norm divides by the root of the mean square and multiplies with the weights") {
  std::mt19937 random(6);
  for (const size_t n : kLengths) {
    for (const float size : {1e-4F, 1.0F, 1e4F}) {
      const std::vector<float> x = normal_values(n, size, random);
      const std::vector<float> weight = normal_values(n, 1.0F, random);
      double squares = 0;
      for (const float value : x) squares += static_cast<double>(value) * static_cast<double>(value);
      const double root = std::sqrt(squares / static_cast<double>(n) + 1e-5);
      std::vector<float> y(n);
      select_kernels("").rms_norm(x.data(), weight.data(), 1e-5F, static_cast<int64_t>(n), y.data());
      for (size_t i = 0; i < n; ++i) {
        CHECK(static_cast<double>(y[i]) == doctest::Approx(x[i] / root * static_cast<double>(weight[i])).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("silu multiplies a value with its own sigmoid, over the whole range") {
  std::vector<float> gate;
  for (int i = -8800; i <= 8800; ++i) gate.push_back(static_cast<float>(i) / 100.0F);
  for (const float far : {-1e4F, -200.0F, 200.0F, 1e4F}) gate.push_back(far);
  const std::vector<float> x = gate;
  const std::vector<float> up(gate.size(), -1.5F);
  select_kernels("").silu_multiply(gate.data(), up.data(), static_cast<int64_t>(gate.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    const double exact = x[i] * sigmoid(x[i]) * -1.5;
    // Beyond -87 the true value is below any normal float: it may become anything as small.
    if (std::abs(gate[i] - exact) > 1e-6 * std::abs(exact) + 1e-33)
      FAIL_CHECK("silu of ", x[i], " is ", gate[i] / -1.5F);
  }
}

TEST_CASE("clamped swiglu clamps the gate from above and the linear part from both sides") {
  std::vector<float> gate;
  std::vector<float> up;
  for (const float g : {-90.0F, -20.0F, -7.5F, -1.0F, -0.0F, 0.5F, 6.9F, 7.0F, 7.1F, 1000.0F}) {
    for (const float u : {-1000.0F, -7.1F, -7.0F, -6.9F, -1.0F, 0.0F, 3.0F, 7.0F, 7.1F, 1000.0F}) {
      gate.push_back(g);
      up.push_back(u);
    }
  }
  const std::vector<float> x = gate;
  select_kernels("").clamped_swiglu(gate.data(), up.data(), static_cast<int64_t>(gate.size()), kAlpha, kLimit);
  for (size_t i = 0; i < x.size(); ++i) {
    const double g = std::min<double>(x[i], 7.0);
    const double u = std::clamp<double>(up[i], -7.0, 7.0);
    const double exact = g * sigmoid(static_cast<double>(kAlpha) * g) * (u + 1.0);
    const double error = std::abs(static_cast<double>(gate[i]) - exact);
    // alpha * g is rounded to a float before the exponential: half a unit of a number up to 154.
    CHECK_MESSAGE(error <= 1e-5 * std::abs(exact) + 1e-33, "gate ", x[i], ", up ", up[i], ": ", gate[i], ", expected ",
                  exact);
  }
}

TEST_CASE("add scaled rounds once per value") {
  std::mt19937 random(8);
  const std::vector<float> x = normal_values(100, 3.0F, random);
  const std::vector<float> y = normal_values(100, 3.0F, random);
  for (const KernelSet* set : usable_sets()) {
    std::vector<float> result = y;
    set->add_scaled(result.data(), x.data(), 0.7F, 100);
    for (size_t i = 0; i < 100; ++i) CHECK(result[i] == std::fma(x[i], 0.7F, y[i]));
  }
}
