// Forecasts come from a thread that nobody waits for.
#include "engine/forecaster.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "prediction/test/route_predictors.h"

using namespace moeflow;
using namespace moeflow::test;

namespace {

constexpr RouteShape kShape{2, 4, 2};
using Rows = std::vector<Forecaster::Row>;
using Experts = std::vector<std::vector<int32_t>>;

// Begins a step, waits for its forecast and ends it.
Experts forecast_of(Forecaster& forecaster, const Rows& rows, float least_probability) {
  Forecast* forecast = forecaster.begin(rows, least_probability);
  while (!forecast) {  // still busy
    REQUIRE_FALSE(forecaster.failed());
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    forecast = forecaster.begin(rows, least_probability);
  }
  wait_until([&] { return forecast->look() != nullptr; });
  Experts experts = forecast->look()->probable;
  forecaster.end();
  return experts;
}

// A hook that holds the thread until it is let go.
struct Gate {
  std::atomic<bool> open = false;
  std::atomic<int> reached = 0;
  ForecastHook hook() {
    return [this](std::span<float>) {
      ++reached;
      wait_until([&] { return open.load(); });
    };
  }
};

}  // namespace

TEST_CASE("a forecast names the probable experts of each layer, the most probable first, down to a bound") {
  const std::vector<float> probabilities = {0.1F, 0.9F, 0.4F, 0.6F, 0.3F, 0.01F, 0.7F, 0.3F};
  Forecaster forecaster(constant_predictor(kShape, probabilities), 1);
  // The first layer is dense. Equals come in order.
  CHECK(forecast_of(forecaster, {{0, 7}}, 0.25F) == Experts{{}, {1, 3, 2}, {2, 0, 3}});
  CHECK(forecast_of(forecaster, {{0, 7}}, 0.65F) == Experts{{}, {1}, {2}});
  CHECK(forecaster.counters().forecasts == 2);
  CHECK(forecaster.counters().late_forecasts == 0);
  CHECK(forecaster.counters().forecast_seconds > 0);
}

TEST_CASE("a forecast says of every expert how probable it is, and what its next use after the step is worth") {
  const std::vector<float> probabilities = {0.1F, 0.9F, 0.4F, 0.6F, 0.3F, 0.01F, 0.7F, 0.3F};
  const std::vector<float> later = {0.8F, 0.2F, 0.6F, 0.5F, 0.7F, 0.9F, 0.1F, 0.4F};
  Forecaster forecaster(constant_predictor(kShape, probabilities, later), 1);
  Forecast* forecast = forecaster.begin(Rows{{0, 7}, {1, 7}}, 0.25F);
  REQUIRE(forecast);
  wait_until([&] { return forecast->look() != nullptr; });
  const LayerForecasts& content = *forecast->look();
  CHECK(content.probabilities[0].empty());
  CHECK(content.later[0].empty());
  for (size_t i = 0; i < probabilities.size(); ++i) {
    // Unless neither of the two tokens uses it.
    const float p = 1 - (1 - probabilities[i]) * (1 - probabilities[i]);
    const float l = 1 - (1 - later[i]) * (1 - later[i]);
    CHECK(content.probabilities[1 + i / 4][i % 4] == doctest::Approx(p));
    CHECK(content.later[1 + i / 4][i % 4] == doctest::Approx(l));
  }
  forecaster.end();
}

TEST_CASE("tokens of a step together use an expert unless each of them does not") {
  int row = 0;
  Forecaster forecaster(previous_token_predictor(kShape), 0, [&](std::span<float> probabilities) {
    std::fill(probabilities.begin(), probabilities.end(), 0.0F);
    probabilities[0] = 0.5F;  // both: 0.75
    probabilities[1] = row == 0 ? 0.7F : 0.0F;
    probabilities[2] = row == 0 ? 0.3F : 0.4F;  // 0.58
    ++row;
  });
  CHECK(forecast_of(forecaster, {{0, 7}, {1, 8}}, 0.5F) == Experts{{0, 1, 2}, {}});
  CHECK(row == 2);
}

TEST_CASE("forecasts go by the sequence's own routes, prompts included, as far as it has not been cut back") {
  Forecaster forecaster(previous_token_predictor(kShape), 0);
  const std::vector<int32_t> tokens = {3, 4, 5};
  const std::vector<int32_t> routes = {0, 1, 2, 3, /**/ 1, 2, 0, 3, /**/ 3, 2, 1, 0};
  const std::vector<int32_t> other = {2, 3, 2, 3};
  forecaster.append(0, tokens, routes.data());
  forecaster.append(1, {tokens.data(), 1}, other.data());
  CHECK(forecast_of(forecaster, {{0, 7}}, 0.5F) == Experts{{2, 3}, {0, 1}});
  CHECK(forecast_of(forecaster, {{1, 7}}, 0.5F) == Experts{{2, 3}, {2, 3}});
  CHECK(forecaster.history_length(0) == 3);
  forecaster.truncate(0, 2);
  CHECK(forecast_of(forecaster, {{0, 7}}, 0.5F) == Experts{{1, 2}, {0, 3}});
  forecaster.truncate(0, 1);
  CHECK(forecast_of(forecaster, {{0, 7}}, 0.5F) == Experts{{0, 1}, {2, 3}});
  forecaster.free(0);
  CHECK(forecaster.history_length(0) == 0);
  CHECK(forecast_of(forecaster, {{0, 7}}, 0.5F) == Experts{{}, {}});
  CHECK(forecast_of(forecaster, {{1, 7}}, 0.5F) == Experts{{2, 3}, {2, 3}});
}

TEST_CASE("routes are remembered of as many tokens as there is room for, and of each sequence whole or not at all") {
  constexpr size_t kMostTokens = 6;
  Forecaster forecaster(previous_token_predictor(kShape), 0, {}, kMostTokens);
  const std::vector<int32_t> tokens = {3, 4, 5};
  const std::vector<int32_t> routes = {0, 1, 2, 3, /**/ 1, 2, 0, 3, /**/ 3, 2, 1, 0};
  forecaster.append(0, tokens, routes.data());
  forecaster.share(0, 1, 2);
  CHECK(forecaster.history_length(1) == 2);
  forecaster.share(0, 2, 2);
  CHECK(forecaster.history_length(2) == 0);
  // What is not known from its beginning on is not gone by later either.
  forecaster.append(2, {tokens.data(), 1}, routes.data());
  CHECK(forecaster.history_length(2) == 0);
  CHECK(forecast_of(forecaster, {{2, 7}}, 0.5F) == Experts{{}, {}});
  forecaster.share(2, 3, 1);
  forecaster.append(3, {tokens.data(), 1}, routes.data());
  CHECK(forecaster.history_length(3) == 0);
  // One that grows beyond the room is forgotten, and others may have it.
  forecaster.append(1, {tokens.data(), 2}, routes.data());
  CHECK(forecaster.history_length(1) == 0);
  forecaster.append(4, tokens, routes.data());
  CHECK(forecaster.history_length(4) == 3);
  forecaster.truncate(4, 1);
  forecaster.free(1);
  forecaster.append(1, {tokens.data(), 2}, routes.data());
  CHECK(forecaster.history_length(1) == 2);
}

TEST_CASE("a forecast prepared for sampled tokens is that of the step that computes them, or some of them") {
  std::atomic<int> computed = 0;
  Forecaster forecaster(previous_token_predictor(kShape), 0, [&](std::span<float>) { ++computed; });
  const std::vector<int32_t> route = {0, 1, 2, 3};
  const int32_t token = 5;
  forecaster.append(0, {&token, 1}, route.data());
  const auto prepare = [&] {
    const int before = computed;
    wait_until([&] { return forecaster.prepare(Rows{{0, 7}, {1, 8}}, 0.5F); });
    wait_until([&] { return computed == before + 2; });
  };
  for (const Rows& rows : {Rows{{0, 7}, {1, 8}}, Rows{{0, 7}}}) {
    prepare();
    const int before = computed;
    Forecast* forecast = forecaster.begin(rows, 0.5F);
    REQUIRE(forecast);
    wait_until([&] { return forecast->look() != nullptr; });
    CHECK(forecast->look()->probable == Experts{{0, 1}, {2, 3}});
    forecaster.end();
    CHECK(computed == before);
  }
  // Another token, or another bound, is another question.
  prepare();
  CHECK(forecast_of(forecaster, {{0, 9}}, 0.5F) == Experts{{0, 1}, {2, 3}});
  prepare();
  const int before = computed;
  CHECK(forecast_of(forecaster, {{1, 8}}, 0.9F) == Experts{{}, {}});
  CHECK(computed == before + 1);
  CHECK(forecaster.counters().late_forecasts == 0);
}

TEST_CASE("while a forecast is being made, further steps begin without one, and everybody is counted late") {
  Gate gate;
  Forecaster forecaster(previous_token_predictor(kShape), 0, gate.hook());
  const std::vector<int32_t> route = {0, 1, 2, 3};
  const int32_t token = 7;
  Forecast* first = forecaster.begin(Rows{{0, 7}}, 0.5F);
  REQUIRE(first);
  wait_until([&] { return gate.reached == 1; });
  CHECK_FALSE(first->look());
  forecaster.end();
  forecaster.append(0, {&token, 1}, route.data());
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(forecaster.begin(Rows{{0, 7}}, 0.5F));
    forecaster.end();
  }
  CHECK(forecaster.counters().forecasts == 0);
  CHECK(forecaster.counters().late_forecasts == 4);
  gate.open = true;
  CHECK(forecast_of(forecaster, {{0, 7}}, 0.5F) == Experts{{0, 1}, {2, 3}});
  CHECK(forecaster.counters().forecasts == 1);
}

TEST_CASE("a step that is over gets no forecast any more, and the next one gets its own") {
  Gate gate;
  Forecaster forecaster(previous_token_predictor(kShape), 0, gate.hook());
  const std::vector<int32_t> route = {0, 1, 2, 3};
  const int32_t token = 7;
  Forecast* first = forecaster.begin(Rows{{0, 7}, {1, 7}}, 0.5F);
  REQUIRE(first);
  wait_until([&] { return gate.reached == 1; });  // at the first of two tokens
  forecaster.end();
  forecaster.append(0, {&token, 1}, route.data());
  forecaster.append(1, {&token, 1}, route.data());
  gate.open = true;
  CHECK(forecast_of(forecaster, {{1, 7}}, 0.5F) == Experts{{0, 1}, {2, 3}});
  CHECK(gate.reached == 2);  // the second token of the first step was not computed
}

TEST_CASE("an error in the thread, or a probability that is none, ends forecasting for good and says why") {
  std::atomic<bool> fails = false;
  const auto with = [&](const std::function<void(std::span<float>)>& failing, const std::string& reason) {
    fails = false;
    Forecaster forecaster(previous_token_predictor(kShape), 0, [&](std::span<float> probabilities) {
      if (fails) failing(probabilities);
    });
    forecast_of(forecaster, {{0, 7}}, 0.5F);
    CHECK(forecaster.failure().empty());
    fails = true;
    Forecast* forecast = nullptr;
    wait_until([&] { return (forecast = forecaster.begin(Rows{{0, 7}}, 0.5F)) != nullptr; });
    wait_until([&] { return forecaster.failed(); });
    CHECK_FALSE(forecast->look());
    CHECK(forecaster.failure() == reason);
    fails = false;
    const std::vector<int32_t> route = {0, 1, 2, 3};
    const int32_t token = 7;
    forecaster.append(0, {&token, 1}, route.data());
    CHECK(forecaster.history_length(0) == 0);
    CHECK_FALSE(forecaster.begin(Rows{{0, 7}}, 0.5F));
  };
  with([](std::span<float>) { throw std::runtime_error("no more"); }, "no more");
  with([](std::span<float>) { throw 7; }, "an unknown error");
  with([](std::span<float> p) { p[3] = std::numeric_limits<float>::quiet_NaN(); },
       "the predictor gave nan as a probability");
  with([](std::span<float> p) { p[3] = 1.5F; }, "the predictor gave 1.5 as a probability");
}

TEST_CASE("a forecaster ends while its thread is at work, and while it has never had any") {
  Forecaster idle(previous_token_predictor(kShape), 0);
  std::atomic<bool> reached = false;
  {
    Forecaster working(previous_token_predictor(kShape), 0, [&](std::span<float>) {
      reached = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    });
    working.begin(Rows{{0, 7}}, 0.5F);
    wait_until([&] { return reached.load(); });
  }
  CHECK(reached);
}
