// Attention against its definition in double, and the bits that must not depend on instruction set or company.
#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "kernels/test/attention_problem.h"

using namespace moeflow;
using namespace moeflow::test;

namespace {

struct Shape {
  int key_dim, value_dim;
};
constexpr Shape kShapes[] = {{16, 16}, {64, 64}, {128, 128}, {40, 32}};  // the last one as in latent attention

void check_against_brute_force(const AttentionProblem& problem, const std::vector<std::vector<float>>& outputs) {
  for (size_t q = 0; q < outputs.size(); ++q) {
    const std::vector<double> expected = problem.brute_force(q);
    for (size_t d = 0; d < expected.size(); ++d) {
      const double error = std::abs(static_cast<double>(outputs[q][d]) - expected[d]);
      if (!(error < 1e-5)) FAIL_CHECK("query ", q, " dim ", d, " is ", outputs[q][d], ", expected ", expected[d]);
    }
  }
}

// Queries as a prompt chunk has them: each sees one position more than the one before; every third has a window.
AttentionProblem random_problem(Shape shape, int positions, int queries, bool half, bool sinks, std::mt19937& random) {
  AttentionProblem problem(shape.key_dim, shape.value_dim, positions, half, random);
  for (int q = 0; q < queries; ++q) {
    const int end = std::max(1, positions - (queries - 1 - q));
    const int window = 1 + static_cast<int>(random() % 40);
    problem.add_query(q % 3 == 2 ? std::max(0, end - window) : 0, end, random);
    if (sinks) problem.sinks.push_back(static_cast<float>(random() % 7) - 3.0F);
  }
  return problem;
}

}  // namespace

TEST_CASE("attention is the softmax of the scores times the values, for any number of queries and positions") {
  std::mt19937 random(1);
  for (const Shape shape : kShapes) {
    for (int positions = 1; positions <= 70; ++positions) {
      const bool half = positions % 2 == 0;
      const bool sinks = positions % 3 == 0;
      const AttentionProblem problem = random_problem(shape, positions, 1 + positions % 9, half, sinks, random);
      CAPTURE(shape.key_dim);
      CAPTURE(positions);
      check_against_brute_force(problem, problem.run_all(select_kernels("")));
    }
  }
}

TEST_CASE("every kernel set gives the portable bits of attention, and a query gets them in any company") {
  std::mt19937 random(2);
  for (const Shape shape : kShapes) {
    for (const int positions : {1, 2, 15, 16, 17, 31, 33, 48, 63, 65, 70}) {
      for (const bool half : {false, true}) {
        for (const bool sinks : {false, true}) {
          CAPTURE(shape.key_dim);
          CAPTURE(positions);
          CAPTURE(half);
          const AttentionProblem problem = random_problem(shape, positions, 9, half, sinks, random);
          const auto expected = problem.run_all(select_kernels("portable"));
          check_against_brute_force(problem, expected);
          for (const KernelSet* set : usable_sets()) {
            CAPTURE(std::string(set->name));
            CHECK(problem.run_all(*set) == expected);
            for (size_t q = 0; q < 9; ++q) CHECK(problem.run(*set, {q})[0] == expected[q]);
            CHECK(problem.run(*set, {0, 8, 2, 5})[1] == expected[8]);
            CHECK(problem.run(*set, {5, 8})[0] == expected[5]);
          }
        }
      }
    }
  }
}

TEST_CASE("a query that sees one position gets exactly its value") {
  std::mt19937 random(3);
  for (const bool half : {false, true}) {
    AttentionProblem problem(64, 64, 40, half, random);
    for (const int32_t p : {0, 15, 16, 39}) problem.add_query(p, p + 1, random);
    const auto outputs = problem.run_all(select_kernels(""));
    CHECK(outputs[0] == problem.values[0]);
    CHECK(outputs[1] == problem.values[15]);
    CHECK(outputs[2] == problem.values[16]);
    CHECK(outputs[3] == problem.values[39]);
  }
}

TEST_CASE("scores far apart and far from zero neither overflow nor vanish") {
  std::mt19937 random(4);
  AttentionProblem problem(16, 16, 40, false, random);
  for (auto& key : problem.keys) {
    for (float& x : key) x *= 100.0F;
  }
  problem.fill_tiles();
  for (int q = 0; q < 4; ++q) problem.add_query(0, 40 - q, random);
  for (const KernelSet* set : usable_sets()) check_against_brute_force(problem, problem.run_all(*set));

  problem.sinks = {-1e4F, 1e4F, 1e4F, -1e4F};  // a sink that takes nothing, and one that takes all
  const auto outputs = problem.run_all(select_kernels(""));
  check_against_brute_force(problem, outputs);
  CHECK(outputs[1] == std::vector<float>(16, 0.0F));
}

// With one score at 0 whose value is 0 and another at x whose value is 1 the result is e^x / (1 + e^x), and below -17.4
// the denominator is 1 in a float: the exponential itself comes out.
TEST_CASE("the exponential is within a relative 2e-7") {
  std::mt19937 random(5);
  AttentionProblem problem(16, 16, 2, false, random);
  for (auto& key : problem.keys) std::fill(key.begin(), key.end(), 0.0F);
  problem.keys[1][0] = 1.0F;
  std::fill(problem.values[0].begin(), problem.values[0].end(), 0.0F);
  std::fill(problem.values[1].begin(), problem.values[1].end(), 1.0F);
  problem.fill_tiles();
  problem.scale = 1.0F;
  std::uniform_real_distribution<float> below(-87.0F, -17.4F);
  for (int i = 0; i < 4000; ++i) {
    problem.add_query(0, 2, random);
    std::fill(problem.queries.back().begin(), problem.queries.back().end(), 0.0F);
    problem.queries.back()[0] = i == 0 ? -87.0F : below(random);
  }
  for (const KernelSet* set : usable_sets()) {
    const auto outputs = problem.run_all(*set);
    double worst = 0;
    for (size_t q = 0; q < outputs.size(); ++q) {
      const double exact = std::exp(static_cast<double>(problem.queries[q][0]));
      worst = std::max(worst, std::abs(static_cast<double>(outputs[q][0]) / exact - 1.0));
    }
    CHECK_MESSAGE(worst < 2e-7, std::string(set->name));
  }
}

// sigmoid(-x) = 1 / (1 + e^x), and above 17.4 the sum is e^x in a float: its reciprocal times x, two roundings more.
TEST_CASE("the exponential of large numbers is within a relative 2e-7 and two roundings") {
  for (const KernelSet* set : usable_sets()) {
    double worst = 0;
    for (float x = 17.5F; x <= 86.9F; x += 0.0137F) {
      float gate = -x;
      const float one = 1.0F;
      set->silu_multiply(&gate, &one, 1);
      worst = std::max(
          worst,
          std::abs(static_cast<double>(gate) / (-static_cast<double>(x) * std::exp(-static_cast<double>(x))) - 1.0));
    }
    CHECK_MESSAGE(worst < 2e-7 + 3 * 0x1p-24, std::string(set->name));
  }
}
