// What a step is told of the experts that it will need.
#include "engine/foresight.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "base/error.h"
#include "prediction/test/route_predictors.h"

using namespace moeflow;
using namespace moeflow::test;

namespace {

// Three layers, the first of them dense.
ModelConfig config() {
  ModelConfig config;
  config.layers = 3;
  config.leading_dense_layers = 1;
  config.router.experts = 4;
  config.router.used = 2;
  return config;
}

StepItem item(int32_t sequence, std::vector<int32_t> tokens) {
  StepItem item;
  item.sequence = sequence;
  item.tokens = std::move(tokens);
  return item;
}

const PredictedExperts kNothing;

}  // namespace

TEST_CASE("ways of fetching ahead have names") {
  for (const char* name : {"auto", "gate-ahead", "previous-token", "route-path", "blend", "none"}) {
    CHECK(std::string(prefetch_name(prefetch_named(name))) == name);
  }
  CHECK_THROWS_WITH(prefetch_named("all"),
                    "prefetch must be auto, gate-ahead, previous-token, route-path, blend or none, is all");
}

TEST_CASE("every way but auto tries only what has its name, auto tries all that there are") {
  for (const Prefetch way :
       {Prefetch::kGateAhead, Prefetch::kPreviousToken, Prefetch::kRoutePath, Prefetch::kBlend, Prefetch::kNone}) {
    for (const Strategy& strategy : strategies(way, true)) CHECK(prefetch_of(strategy) == way);
  }
  const auto names = [](bool has_predictor) {
    std::set<std::string> names;
    for (const Strategy& s : strategies(Prefetch::kAuto, has_predictor)) names.insert(prefetch_name(prefetch_of(s)));
    return names;
  };
  CHECK(names(false) == std::set<std::string>{"gate-ahead", "none", "previous-token"});
  CHECK(names(true) == std::set<std::string>{"blend", "gate-ahead", "none", "previous-token", "route-path"});
}

TEST_CASE("a way that is faster comes into effect, and what was tried can be seen") {
  Foresight foresight(Prefetch::kAuto, nullptr, {}, config(), 8, 1024);
  ForesightReport report;
  foresight.report(report);
  CHECK(report.tried.empty());
  CHECK(prefetch_of(report.in_effect) == Prefetch::kGateAhead);
  const auto seconds = [](const Strategy& s) { return prefetch_of(s) == Prefetch::kPreviousToken ? 0.5 : 0.55; };
  for (int i = 0; i < 64 + 5 * 16; ++i) foresight.learn(seconds(foresight.current()));
  foresight.report(report);
  CHECK(prefetch_of(report.in_effect) == Prefetch::kPreviousToken);
  REQUIRE(report.tried.size() == 5);
  for (const TriedStrategy& tried : report.tried) CHECK(tried.step_seconds == doctest::Approx(seconds(tried.strategy)));
}

TEST_CASE("small and large steps find their own ways, and what was found is kept while the others run") {
  Foresight foresight(Prefetch::kAuto, nullptr, {}, config(), 8, 1024);
  const auto run = [&](int32_t sequences, int steps, Prefetch fastest) {
    std::vector<StepItem> items;
    for (int32_t i = 0; i < sequences; ++i) items.push_back(item(i, {1}));
    for (int i = 0; i < steps; ++i) {
      foresight.begin(items, kNothing);
      foresight.learn(prefetch_of(foresight.current()) == fastest ? 0.5 : 0.55);
    }
    return prefetch_of(foresight.in_effect());
  };
  constexpr int kWholeTrial = 64 + 5 * 16;
  CHECK(run(1, kWholeTrial, Prefetch::kPreviousToken) == Prefetch::kPreviousToken);
  CHECK(run(4, kWholeTrial, Prefetch::kNone) == Prefetch::kNone);
  CHECK(run(1, 1, Prefetch::kPreviousToken) == Prefetch::kPreviousToken);
  // Five are to four as one more step, not as other steps.
  CHECK(run(5, 1, Prefetch::kNone) == Prefetch::kNone);
  // A prompt goes by what was found last.
  foresight.begin({item(0, {1, 2, 3}), item(1, {1})}, kNothing);
  CHECK(prefetch_of(foresight.in_effect()) == Prefetch::kNone);
}

TEST_CASE("the previous tokens' experts: every sequence's first choice, then every sequence's second") {
  Foresight foresight(Prefetch::kPreviousToken, nullptr, {}, config(), 8, 1024);
  const std::vector<StepItem> items = {item(0, {1, 2}), item(1, {3})};
  const PredictedExperts before = foresight.begin(items, kNothing).known;
  CHECK(before == PredictedExperts{{}, {}, {}});
  // [rows][expert layers][used]; of the first sequence only the second row counts.
  const std::vector<int32_t> routes = {2, 3, 2, 3, /**/ 0, 1, 2, 3, /**/ 3, 0, 2, 1};
  foresight.end(items, routes.data(), {});
  CHECK(foresight.begin(items, kNothing).known == PredictedExperts{{}, {0, 3, 1}, {2, 3, 1}});
  foresight.free(0);
  CHECK(foresight.begin(items, kNothing).known == PredictedExperts{{}, {3, 0}, {2, 1}});
  const PredictedExperts given = {{}, {1}, {1}};
  CHECK(foresight.begin(items, given).known == given);
}

TEST_CASE("forecasts are for generated tokens, in steps that do not use nearly everything, and unless others predict") {
  const RouteShape shape = route_shape(config());
  Foresight foresight(Prefetch::kRoutePath, previous_token_predictor(shape), {}, config(), 2, 1024);
  const auto begins = [&](const std::vector<StepItem>& items, const PredictedExperts& predicted) {
    return foresight.begin(items, predicted).forecast != nullptr;
  };
  CHECK_FALSE(begins({item(0, {1, 2})}, kNothing));
  CHECK_FALSE(begins({item(0, {1}), item(1, {1}), item(2, {1})}, kNothing));
  CHECK_FALSE(begins({item(0, {1})}, {{}, {1}, {1}}));
  const std::vector<int32_t> routes(4);
  foresight.end({item(0, {1})}, routes.data(), {});
  CHECK(foresight.counters().late_forecasts == 0);
  wait_until([&] { return begins({item(0, {1})}, kNothing); });
}

TEST_CASE("without the predictor, what does not need it goes on") {
  const RouteShape shape = route_shape(config());
  const auto after_failure = [&](Prefetch prefetch) {
    Foresight foresight(
        prefetch, previous_token_predictor(shape), [](std::span<float>) { throw std::runtime_error("gone"); }, config(),
        8, 1024);
    // auto comes to its forecasts when their turn is.
    wait_until([&] {
      foresight.begin({item(0, {1})}, kNothing);
      foresight.learn(1.0);
      return foresight.forecaster()->failed();
    });
    foresight.begin({item(0, {1})}, kNothing);
    ForesightReport report;
    foresight.report(report);
    CHECK(report.failure == "gone");
    return std::string(prefetch_name(prefetch_of(report.in_effect)));
  };
  CHECK(after_failure(Prefetch::kRoutePath) == "none");
  CHECK(after_failure(Prefetch::kBlend) == "gate-ahead");
  CHECK(after_failure(Prefetch::kAuto) == "gate-ahead");
}
