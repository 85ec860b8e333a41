// The rules of choosing a token that need no statistics.
#include "engine/sampler.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "gguf/test/expect_error.h"

using namespace moeflow;
using gguf::test::error_of;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

int32_t sample(std::vector<float> logits, const SamplingOptions& options, const std::vector<int32_t>& recent = {}) {
  return Sampler().sample(logits, options, recent);
}

SamplingOptions with_penalty(float penalty) {
  SamplingOptions options;
  options.repeat_penalty = penalty;
  return options;
}

}  // namespace

TEST_CASE("greedy takes the highest logit, the lowest id among equals") {
  CHECK(sample({1, 3, 2}, {}) == 1);
  CHECK(sample({1, 3, 3, 3}, {}) == 1);
  CHECK(sample({-5, -5}, {}) == 0);
  CHECK(sample({0.0F, -0.0F}, {}) == 0);
  CHECK(sample({-kInfinity, -kInfinity, -1e30F}, {}) == 2);
  CHECK(sample({-kInfinity, -kInfinity}, {}) == 0);
  CHECK(sample({7}, {}) == 0);
}

TEST_CASE("logits that are no numbers are never chosen; if none is a number, that is an error") {
  SamplingOptions hot;
  hot.temperature = 5.0F;
  for (const SamplingOptions& options : {SamplingOptions(), hot}) {
    CHECK(sample({kNan, 2, kNan}, options) == 1);
    CHECK(sample({kNan, -kNan, -kInfinity, kNan}, options) == 2);
    CHECK_SAYS(error_of(ErrorCode::kInternal, [&] { sample({kNan, kNan}, options); }), "no number for any token");
  }
  for (uint64_t seed = 0; seed < 100; ++seed) {
    hot.seed = seed;
    const int32_t token = sample({kNan, 1, kNan, 1}, hot);
    CHECK((token == 1 || token == 3));
  }
}

TEST_CASE("an infinite logit is chosen whatever the temperature") {
  SamplingOptions hot;
  hot.temperature = 100.0F;
  CHECK(sample({1e30F, kInfinity, 3}, hot) == 1);
}

TEST_CASE("among equals the filters keep the lowest ids") {
  SamplingOptions options;
  options.temperature = 1.0F;
  options.top_k = 2;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    options.seed = seed;
    CHECK(sample({0, 1, 1, 1, 1}, options) <= 2);
    CHECK(sample({0, 1, 1, 1, 1}, options) >= 1);
  }
}

TEST_CASE("the same seed and position give the same token, whoever sampled before") {
  std::vector<float> logits(100);
  for (size_t i = 0; i < 100; ++i) logits[i] = static_cast<float>(i % 7) / 3.0F;
  SamplingOptions options;
  options.temperature = 1.0F;
  Sampler used;
  int different_seeds = 0;
  int different_positions = 0;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    options.seed = seed;
    const std::vector<int32_t> recent(seed * 3, 1);
    const int32_t token = sample(logits, options, recent);
    std::vector<float> copy = logits;
    CHECK(used.sample(copy, options, recent) == token);
    // What the tokens before were does not matter, only how many.
    CHECK(sample(logits, options, std::vector<int32_t>(seed * 3, 2)) == token);
    different_positions += sample(logits, options, std::vector<int32_t>(seed * 3 + 1, 1)) != token;
    ++options.seed;
    different_seeds += sample(logits, options, recent) != token;
  }
  CHECK(different_seeds > 40);
  CHECK(different_positions > 40);
}

TEST_CASE("the repeat penalty divides positive logits and multiplies negative ones") {
  CHECK(sample({4, 3}, with_penalty(2), {0}) == 1);       // 2 against 3
  CHECK(sample({4, 1.9F}, with_penalty(2), {0}) == 0);    // 2 against 1.9
  CHECK(sample({-1, -1.9F}, with_penalty(2), {0}) == 1);  // -2 against -1.9
  CHECK(sample({-1, -2.1F}, with_penalty(2), {0}) == 0);
  CHECK(sample({4, 3}, with_penalty(1), {0}) == 0);
  CHECK(sample({4, 3.9F}, with_penalty(0.5F), {1}) == 1);  // a reward
}

TEST_CASE("a token is penalised once, however often it occurred") {
  CHECK(sample({4, 1.9F}, with_penalty(2), std::vector<int32_t>(50, 0)) == 0);
  CHECK(sample({4, 1.9F, -9}, with_penalty(2), {0, 2, 0, 2, 0}) == 0);
}

TEST_CASE("the penalty looks at the last 64 tokens, no further") {
  CHECK(kRepeatWindow == 64);
  std::vector<int32_t> recent(64, 2);
  recent[0] = 0;
  CHECK(sample({4, 3, -9}, with_penalty(2), recent) == 1);  // 64 back: seen
  recent.push_back(2);
  CHECK(sample({4, 3, -9}, with_penalty(2), recent) == 0);  // 65 back: forgotten
}
