#include "engine/log_probabilities.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace moeflow;

TEST_CASE("log probabilities are the logits less the logarithm of the sum of their exponentials") {
  // 1, 2 and 5 parts of 8.
  const std::vector<float> logits = {std::log(1.0F) + 40, std::log(2.0F) + 40, std::log(5.0F) + 40};
  const LogProbabilities probabilities(logits);
  CHECK(probabilities.of(0) == doctest::Approx(std::log(1.0 / 8)));
  CHECK(probabilities.of(1) == doctest::Approx(std::log(2.0 / 8)));
  CHECK(probabilities.of(2) == doctest::Approx(std::log(5.0 / 8)));
}

TEST_CASE("the most likely tokens come first, the lower id first among equals, and none that is no number") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> logits = {1, 3, nan, 3, 2};
  const auto ids = [&](size_t most) {
    std::vector<int32_t> tokens;
    for (const TokenLogProbability& likely : LogProbabilities(logits).most_likely(most)) tokens.push_back(likely.token);
    return tokens;
  };
  CHECK(ids(0).empty());
  CHECK(ids(3) == std::vector<int32_t>{1, 3, 4});
  CHECK(ids(20) == std::vector<int32_t>{1, 3, 4, 0});
  double sum = 0;
  for (const TokenLogProbability& likely : LogProbabilities(logits).most_likely(9)) sum += std::exp(likely.value);
  CHECK(sum == doctest::Approx(1));
}

TEST_CASE("huge logits neither overflow nor lose what is between them") {
  const std::vector<float> logits = {1e30F, -1e30F, 1e30F};
  const LogProbabilities probabilities(logits);
  CHECK(probabilities.of(0) == doctest::Approx(std::log(0.5)));
  CHECK(probabilities.of(1) < -1e29F);
}
