// The router against a brute-force computation in double, for every rule that a supported architecture has.
#include "model/router.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>
#include <vector>

using namespace moeflow;

namespace {

struct Route {
  std::vector<int32_t> ids;
  std::vector<double> weights;
};

std::vector<double> softmax(const std::vector<double>& x) {
  double total = 0;
  for (const double value : x) total += std::exp(value);
  std::vector<double> result;
  for (const double value : x) result.push_back(std::exp(value) / total);
  return result;
}

// The score of a group: DeepSeek-V3 (sigmoid scores) adds its two best, DeepSeek-V2 (softmax) takes its best.
double group_score(std::vector<double> scores, bool sigmoid) {
  std::sort(scores.rbegin(), scores.rend());
  return sigmoid && scores.size() > 1 ? scores[0] + scores[1] : scores[0];
}

std::vector<int32_t> sorted_by(const std::vector<double>& scores) {
  std::vector<int32_t> ids(scores.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) {
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  return ids;
}

Route brute_force(const RouterConfig& config, const std::vector<float>& logits, const std::vector<float>& bias) {
  const std::vector<double> x(logits.begin(), logits.end());
  std::vector<double> scores = x;
  if (config.sigmoid) {
    for (double& s : scores) s = 1.0 / (1.0 + std::exp(-s));
  } else if (!config.softmax_over_chosen) {
    scores = softmax(x);
  }
  std::vector<double> selection = scores;
  for (size_t e = 0; e < bias.size(); ++e) selection[e] += static_cast<double>(bias[e]);

  const size_t size = logits.size() / static_cast<size_t>(config.groups);
  std::vector<double> groups;
  for (size_t g = 0; g < static_cast<size_t>(config.groups); ++g) {
    const auto first = selection.begin() + static_cast<std::ptrdiff_t>(g * size);
    groups.push_back(group_score({first, first + static_cast<std::ptrdiff_t>(size)}, config.sigmoid));
  }
  const std::vector<int32_t> best_groups = sorted_by(groups);
  const std::set<int32_t> kept(best_groups.begin(), best_groups.begin() + config.groups_used);

  Route route;
  for (const int32_t e : sorted_by(selection)) {
    const bool allowed = kept.contains(e / static_cast<int32_t>(size));
    if (allowed && route.ids.size() < static_cast<size_t>(config.used)) route.ids.push_back(e);
  }
  for (const int32_t e : route.ids) route.weights.push_back(scores[static_cast<size_t>(e)]);
  if (config.softmax_over_chosen) route.weights = softmax(route.weights);
  const double sum = std::accumulate(route.weights.begin(), route.weights.end(), 0.0);
  for (double& w : route.weights) w = w / (config.normalize ? sum : 1.0) * static_cast<double>(config.scale);
  return route;
}

Route run(const RouterConfig& config, std::vector<float> logits, const std::vector<float>& bias) {
  std::vector<float> scratch(2 * logits.size());
  std::vector<float> weights(static_cast<size_t>(config.used));
  Route result;
  result.ids.resize(static_cast<size_t>(config.used), -1);
  route(config, logits.data(), bias.empty() ? nullptr : bias.data(), scratch.data(), result.ids.data(), weights.data());
  result.weights.assign(weights.begin(), weights.end());
  return result;
}

void check_same(const Route& found, const Route& expected) {
  CHECK(found.ids == expected.ids);
  for (size_t k = 0; k < expected.weights.size(); ++k) {
    CHECK(found.weights[k] == doctest::Approx(expected.weights[k]).epsilon(2e-6));
  }
}

// Logits on a coarse grid: many are equal, and those that differ do so by far more than a rounding.
std::vector<float> random_logits(int experts, std::mt19937& random) {
  std::vector<float> logits(static_cast<size_t>(experts));
  for (float& x : logits) x = static_cast<float>(static_cast<int>(random() % 49) - 24) / 8.0F;
  return logits;
}

void check_rule(RouterConfig config, bool with_bias) {
  std::mt19937 random(1);
  struct Size {
    int experts, used;
  };
  for (const Size size : {Size{1, 1}, {2, 1}, {4, 2}, {8, 8}, {16, 4}, {64, 6}, {128, 8}}) {
    config.experts = size.experts;
    config.used = size.used;
    CAPTURE(size.experts);
    for (int round = 0; round < 100; ++round) {
      const std::vector<float> logits = random_logits(size.experts, random);
      std::vector<float> bias;
      if (with_bias) bias = random_logits(size.experts, random);
      check_same(run(config, logits, bias), brute_force(config, logits, bias));
    }
  }
}

}  // namespace

TEST_CASE("the router chooses and weighs as the brute-force computation does") {
  RouterConfig config;
  SUBCASE("softmax, then choose") { check_rule(config, false); }
  SUBCASE("softmax, then choose, normalised") {
    config.normalize = true;
    check_rule(config, false);
  }
  SUBCASE("softmax over the chosen") {
    config.softmax_over_chosen = true;
    check_rule(config, false);
  }
  SUBCASE("sigmoid with a selection bias") {
    config.sigmoid = true;
    check_rule(config, true);
  }
  SUBCASE("sigmoid with a selection bias, normalised and scaled") {
    config.sigmoid = true;
    config.normalize = true;
    config.scale = 2.5F;
    check_rule(config, true);
  }
  SUBCASE("softmax, scaled") {
    config.scale = 16.0F;
    check_rule(config, false);
  }
}

TEST_CASE("only experts of the best groups are chosen") {
  std::mt19937 random(2);
  RouterConfig config;
  config.experts = 32;
  config.used = 4;
  struct Groups {
    int count, used;
  };
  for (const bool sigmoid : {false, true}) {
    for (const Groups groups : {Groups{8, 4}, {8, 1}, {4, 2}, {2, 1}, {16, 2}, {32, 4}, {8, 8}}) {
      config.sigmoid = sigmoid;
      config.normalize = sigmoid;
      config.groups = groups.count;
      config.groups_used = groups.used;
      CAPTURE(groups.count);
      for (int round = 0; round < 200; ++round) {
        const std::vector<float> logits = random_logits(32, random);
        const std::vector<float> bias = sigmoid ? random_logits(32, random) : std::vector<float>();
        check_same(run(config, logits, bias), brute_force(config, logits, bias));
      }
    }
  }
}

TEST_CASE("a group counts by its two best experts with sigmoid scores, by its best one with softmax") {
  RouterConfig config;
  config.experts = 6;
  config.used = 2;
  config.groups = 2;
  config.groups_used = 1;
  const std::vector<float> logits = {3, -3, -3, 2, 2, -3};  // the first group has the best one, the second the best two
  CHECK(run(config, logits, {}).ids == std::vector<int32_t>{0, 1});
  config.sigmoid = true;
  CHECK(run(config, logits, {}).ids == std::vector<int32_t>{3, 4});
}

TEST_CASE("the selection bias changes which experts are chosen, never their weights") {
  RouterConfig config;
  config.experts = 4;
  config.used = 2;
  config.sigmoid = true;
  const std::vector<float> logits = {2, 1, 0, -1};
  CHECK(run(config, logits, {}).ids == std::vector<int32_t>{0, 1});
  const Route biased = run(config, logits, {0, 0, 0, 10});
  CHECK(biased.ids == std::vector<int32_t>{3, 0});
  CHECK(biased.weights[0] == doctest::Approx(1 / (1 + std::exp(1.0))));
  CHECK(biased.weights[1] == doctest::Approx(1 / (1 + std::exp(-2.0))));
}

TEST_CASE("among equals the lowest id is chosen first") {
  RouterConfig config;
  config.experts = 16;
  config.used = 4;
  const std::vector<int32_t> first = {0, 1, 2, 3};
  CHECK(run(config, std::vector<float>(16, 0.5F), {}).ids == first);
  config.softmax_over_chosen = true;
  CHECK(run(config, std::vector<float>(16, -2.0F), {}).ids == first);
  config.softmax_over_chosen = false;
  config.groups = 4;
  config.groups_used = 2;
  CHECK(run(config, std::vector<float>(16, 0.0F), {}).ids == first);
  config.sigmoid = true;
  CHECK(run(config, std::vector<float>(16, 0.0F), {}).ids == first);
}

TEST_CASE("logits far from zero give weights that are numbers and add up") {
  RouterConfig config;
  config.experts = 4;
  config.used = 2;
  config.normalize = true;
  for (const bool over_chosen : {false, true}) {
    config.softmax_over_chosen = over_chosen;
    const Route route = run(config, {1e4F, -1e4F, 1e4F, 3e38F}, {});
    CHECK(route.ids == std::vector<int32_t>{3, 0});
    CHECK(route.weights == std::vector<double>{1, 0});
  }
}

TEST_CASE("logits that are no numbers still give different experts in range") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  std::mt19937 random(3);
  for (int rule = 0; rule < 12; ++rule) {
    RouterConfig config;
    config.experts = 8;
    config.used = 4;
    config.sigmoid = rule % 3 == 1;
    config.softmax_over_chosen = rule % 3 == 2;
    config.normalize = rule % 2 == 0;
    config.groups = rule < 6 ? 1 : 4;
    config.groups_used = rule < 6 ? 1 : 2;
    for (int round = 0; round < 200; ++round) {
      std::vector<float> logits = random_logits(8, random);
      for (float& x : logits) {
        const float damage[] = {nan, infinity, -infinity, -nan};
        if (round == 0 || random() % 3 == 0) x = round == 0 ? nan : damage[random() % 4];
      }
      const Route route =
          run(config, logits, round % 2 ? std::vector<float>{nan, 0, 1, nan, 0, 0, 1, 0} : std::vector<float>());
      const std::set<int32_t> different(route.ids.begin(), route.ids.end());
      CHECK(different.size() == 4);
      CHECK(*different.begin() >= 0);
      CHECK(*different.rbegin() < 8);
    }
  }
}
