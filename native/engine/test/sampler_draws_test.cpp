// Drawing: exactly the tokens that the filters leave, in their exact proportions, over 20,000 positions.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <vector>

#include "engine/sampler.h"

using namespace moeflow;

namespace {

constexpr size_t kDraws = 20000;

std::vector<double> softmax(const std::vector<float>& logits, double temperature) {
  const double peak = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p;
  for (const float logit : logits) p.push_back(std::exp((static_cast<double>(logit) - peak) / temperature));
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& value : p) value /= total;
  return p;
}

// The filters one after another, each over the whole list sorted by probability, as llama.cpp chains them: top-k, top-p
// of what that left (renormalised), min-p. Then the temperature on the survivors' logits.
std::map<int32_t, double> brute_force(const std::vector<float>& logits, const SamplingOptions& options) {
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) {
    return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
  });
  if (options.top_k > 0) ids.resize(std::min(ids.size(), static_cast<size_t>(options.top_k)));
  const auto logits_of = [&] {
    std::vector<float> kept;
    for (const int32_t id : ids) kept.push_back(logits[static_cast<size_t>(id)]);
    return kept;
  };
  const std::vector<double> p = softmax(logits_of(), 1.0);
  size_t count = 0;
  for (double reached = 0; count < ids.size() && reached < static_cast<double>(options.top_p); ++count)
    reached += p[count];
  count = std::max<size_t>(count, 1);
  while (count > 1 && p[count - 1] < static_cast<double>(options.min_p) * p[0]) --count;
  ids.resize(count);
  const std::vector<double> weights = softmax(logits_of(), static_cast<double>(options.temperature));
  std::map<int32_t, double> result;
  for (size_t i = 0; i < ids.size(); ++i) result[ids[i]] = weights[i];
  return result;
}

void check_draws(const std::vector<float>& logits, const SamplingOptions& options) {
  const std::map<int32_t, double> expected = brute_force(logits, options);
  std::map<int32_t, int> drawn;
  Sampler sampler;
  const std::vector<int32_t> tokens(kDraws, 0);
  std::vector<float> copy;
  for (size_t position = 0; position < kDraws; ++position) {
    copy = logits;
    ++drawn[sampler.sample(copy, options, std::span(tokens).first(position))];
  }
  for (const auto& entry : drawn) {
    const int32_t id = entry.first;
    if (!expected.contains(id)) FAIL_CHECK("token ", id, " was filtered out, but drawn");
  }
  for (const auto& entry : expected) {
    const int32_t id = entry.first;
    const double mean = kDraws * entry.second;
    const double sigma = std::sqrt(mean * (1 - entry.second));
    const int times = drawn[id];
    CHECK_MESSAGE(std::abs(times - mean) <= 4 * sigma, "token ", id, " drawn ", times, " times, expected ", mean);
  }
}

// From certain to unlikely, not in order of the ids; all of them likely enough to occur in 20,000 draws.
const std::vector<float> kLogits = {0.5F, 2.0F, -1.0F, 1.5F, 3.0F, 0.0F, 2.5F, -2.0F, 1.0F, 2.0F};

}  // namespace

TEST_CASE("tokens are drawn in proportion to their probabilities at any temperature") {
  SamplingOptions options;
  options.seed = 11;
  for (const float temperature : {0.5F, 1.0F, 2.0F}) {
    options.temperature = temperature;
    check_draws(kLogits, options);
  }
}

TEST_CASE("top-k keeps the k highest") {
  SamplingOptions options;
  options.temperature = 1.0F;
  options.seed = 12;
  for (const int32_t k : {1, 2, 3, 4, 9, 10, 100}) {
    options.top_k = k;
    check_draws(kLogits, options);
  }
}

TEST_CASE("top-p keeps the fewest whose probabilities reach p") {
  SamplingOptions options;
  options.temperature = 1.5F;  // later than the filter: it must not change which are kept
  options.seed = 13;
  for (const float p : {0.0F, 0.2F, 0.5F, 0.8F, 0.95F, 1.0F}) {
    options.top_p = p;
    check_draws(kLogits, options);
  }
}

TEST_CASE("top-p stops at the token that reaches p exactly") {
  SamplingOptions options;
  options.temperature = 1.0F;
  for (const float p : {0.25F, 0.5F, 0.75F}) {
    options.top_p = p;
    check_draws({1, 1, 1, 1}, options);
  }
}

TEST_CASE("min-p keeps those with a share of the highest probability") {
  SamplingOptions options;
  options.temperature = 0.8F;
  options.seed = 14;
  for (const float p : {0.01F, 0.1F, 0.3F, 0.5F, 1.0F}) {
    options.min_p = p;
    check_draws(kLogits, options);
  }
}

TEST_CASE("the filters apply one after another") {
  SamplingOptions options;
  options.temperature = 1.2F;
  options.seed = 15;
  options.top_k = 6;
  options.top_p = 0.9F;
  check_draws(kLogits, options);
  options.min_p = 0.25F;
  check_draws(kLogits, options);
}

TEST_CASE("the kept sets are right for many random distributions") {
  std::mt19937 random(16);
  std::normal_distribution<float> normal(0.0F, 2.0F);
  Sampler sampler;
  for (int round = 0; round < 300; ++round) {
    std::vector<float> logits(1 + random() % 50);
    for (float& logit : logits) logit = normal(random);
    SamplingOptions options;
    options.temperature = 3.0F;
    options.top_k = static_cast<int32_t>(random() % 20);
    options.top_p = static_cast<float>(random() % 101) / 100.0F;
    options.min_p = static_cast<float>(random() % 30) / 100.0F;
    const auto expected = brute_force(logits, options);
    for (uint64_t seed = 0; seed < 60; ++seed) {
      options.seed = seed;
      std::vector<float> copy = logits;
      const int32_t token = sampler.sample(copy, options, {});
      if (!expected.contains(token)) FAIL_CHECK("token ", token, " was filtered out, but drawn");
    }
  }
}

TEST_CASE("different seeds draw independently of each other at the same position") {
  SamplingOptions options;
  options.temperature = 1.0F;
  int equal = 0;
  Sampler sampler;
  std::vector<float> copy;
  for (uint64_t seed = 0; seed < kDraws; ++seed) {
    int32_t token[2];
    for (uint64_t i = 0; i < 2; ++i) {
      options.seed = seed + i;
      copy = {0, 0, 0, 0};
      token[i] = sampler.sample(copy, options, {});
    }
    equal += token[0] == token[1];
  }
  CHECK(std::abs(equal - kDraws / 4.0) <= 4 * std::sqrt(kDraws * 3 / 16.0));
}
