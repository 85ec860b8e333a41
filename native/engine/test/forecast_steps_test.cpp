// A trained predictor moves bytes: it delays no step and changes no bit, whatever it says, however long it takes and
// whether or not it fails.
#include <doctest/doctest.h>

#include <mutex>
#include <stdexcept>

#include "engine/test/tier_models.h"
#include "gguf/test/expect_error.h"
#include "prediction/test/route_predictors.h"

using namespace moeflow;
using namespace moeflow::test;
using gguf::test::error_of;

namespace {

// A model, what it gives when it is wholly in memory, and options with which half of its experts are.
struct Scene {
  TinyFile file;
  std::unique_ptr<Engine> whole = file.engine();
  RouteShape shape = route_shape(whole->model().config);
  EngineOptions options = file.options();

  explicit Scene(TinyOptions tiny = models()[1]) : file(tiny) {
    options.cache.bytes = SlotPlan(whole->model().experts, 2).most_bytes() / 2;
    options.cache.poison = true;
    options.prefetch = Prefetch::kRoutePath;
    options.predictor = previous_token_predictor(shape);
  }
};

ForesightReport report_of(const Engine& engine) {
  ForesightReport report;
  engine.foresight().report(report);
  return report;
}

}  // namespace

TEST_CASE("forecasts arrive while steps run, and what they name is fetched ahead") {
  TinyOptions tiny = models()[1];
  tiny.layers = 6;
  Scene scene(tiny);
  // So that a step takes longer than a forecast.
  scene.options.reads.before_read = [](uint32_t, uint64_t) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  Engine engine(scene.options, LoadControl());
  const std::vector<int32_t> tokens = random_tokens(60, 1);
  CHECK(run_alone(engine, tokens, 1).same_bits_as(run_alone(*scene.whole, tokens)));
  const StepCounters counters = engine.counters();
  CHECK(counters.forecasts.forecasts > 0);
  CHECK(counters.forecasts.forecasts + counters.forecasts.late_forecasts == tokens.size());
  CHECK(counters.forecasts.forecast_seconds > 0);
  CHECK(counters.experts.prefetches > 0);
  CHECK(prefetch_of(report_of(engine).in_effect) == Prefetch::kRoutePath);
}

TEST_CASE("any predictor, any way to go by it, any chunks and threads: the same bits") {
  const std::vector<int32_t> tokens = random_tokens(100, 2);
  for (const TinyOptions& tiny : models()) {
    CAPTURE(tiny.architecture);
    Scene scene(tiny);
    const Outcome expected = run_alone(*scene.whole, tokens);
    scene.options.threads = 2;
    for (const Prefetch prefetch : {Prefetch::kRoutePath, Prefetch::kBlend, Prefetch::kAuto}) {
      for (const unsigned seed : {1U, 2U}) {
        CAPTURE(prefetch_name(prefetch));
        scene.options.prefetch = prefetch;
        scene.options.predictor =
            seed == 1 ? previous_token_predictor(scene.shape) : random_predictor(scene.shape, seed);
        Engine engine(scene.options, LoadControl());
        for (const size_t chunk : {size_t{1}, size_t{7}}) {
          CHECK(run_alone(engine, tokens, chunk).same_bits_as(expected));
        }
        CHECK(report_of(engine).failure.empty());
      }
    }
  }
}

TEST_CASE("steps do not wait for a forecast that does not come") {
  Scene scene;
  std::atomic<bool> open = false;
  std::atomic<int> reached = 0;
  scene.options.forecast_hook = [&](std::span<float>) {
    ++reached;
    wait_until([&] { return open.load(); });
  };
  const std::vector<int32_t> tokens = random_tokens(40, 3);
  {
    Engine engine(scene.options, LoadControl());
    const int32_t sequence = engine.create_sequence();
    Outcome outcome = feed(engine, sequence, {tokens[0]});
    wait_until([&] { return reached == 1; });
    // The thread is held; the steps come to their ends all the same.
    const std::vector<int32_t> rest(tokens.begin() + 1, tokens.end());
    const Outcome later = feed(engine, sequence, rest, 1);
    CHECK(reached == 1);
    CHECK(engine.counters().forecasts.forecasts == 0);
    CHECK(engine.counters().forecasts.late_forecasts == tokens.size());
    const Outcome expected = run_alone(*scene.whole, tokens);
    CHECK(same_bits(outcome.logits, std::span(expected.logits).first(kVocabulary)));
    CHECK(same_bits(later.logits, std::span(expected.logits).subspan(kVocabulary)));
    open = true;
  }
}

TEST_CASE("a predictor that fails is given up, and the steps go on to the same bits") {
  const std::vector<int32_t> tokens = random_tokens(60, 4);
  Scene scene;
  const Outcome expected = run_alone(*scene.whole, tokens);
  std::atomic<int> calls = 0;
  scene.options.forecast_hook = [&](std::span<float>) {
    if (++calls == 3) throw std::runtime_error("the predictor is broken");
  };
  for (const Prefetch prefetch : {Prefetch::kRoutePath, Prefetch::kBlend}) {
    calls = 0;
    scene.options.prefetch = prefetch;
    Engine engine(scene.options, LoadControl());
    while (report_of(engine).failure.empty()) CHECK(run_alone(engine, tokens, 1).same_bits_as(expected));
    CHECK(run_alone(engine, tokens, 1).same_bits_as(expected));
    CHECK(calls == 3);
    const ForesightReport report = report_of(engine);
    CHECK(report.failure == "the predictor is broken");
    CHECK(prefetch_of(report.in_effect) == (prefetch == Prefetch::kBlend ? Prefetch::kGateAhead : Prefetch::kNone));
    const ForecastCounters before = engine.counters().forecasts;
    run_alone(engine, tokens, 1);
    CHECK(engine.counters().forecasts.late_forecasts == before.late_forecasts);
  }
}

TEST_CASE("forecasts know the tokens of a sequence, no more and no less, whatever becomes of steps") {
  Scene scene;
  Engine engine(scene.options, LoadControl());
  const Forecaster& forecaster = *engine.foresight().forecaster();
  const std::vector<int32_t> tokens = random_tokens(30, 5);
  const int32_t a = engine.create_sequence();
  const int32_t b = engine.create_sequence();
  engine.step({ask(a, tokens, 0, 10), ask(b, tokens, 0, 1)}, kNotCancelled);
  CHECK(forecaster.history_length(a) == 10);
  CHECK(forecaster.history_length(b) == 1);
  const std::atomic<bool> cancelled = true;
  CHECK_THROWS_AS(engine.step({ask(a, tokens, 10, 5)}, cancelled), Error);
  CHECK_THROWS_AS(engine.step({ask(a, {kVocabulary})}, kNotCancelled), Error);
  CHECK(forecaster.history_length(a) == 10);
  engine.step({ask(a, tokens, 10, 1)}, kNotCancelled);
  CHECK(forecaster.history_length(a) == 11);
  engine.truncate_sequence(a, 4);
  CHECK(forecaster.history_length(a) == 4);
  CHECK(forecaster.history_length(b) == 1);
  engine.free_sequence(a);
  CHECK(forecaster.history_length(a) == 0);
}

TEST_CASE("a forecast for the token after a prompt goes by the routes of the prompt's last token") {
  for (const TinyOptions& tiny : models()) {
    Scene scene(tiny);
    std::mutex mutex;
    std::vector<std::vector<float>> seen;
    scene.options.forecast_hook = [&](std::span<float> probabilities) {
      const std::lock_guard lock(mutex);
      seen.emplace_back(probabilities.begin(), probabilities.end());
    };
    Engine engine(scene.options, LoadControl());
    const std::vector<int32_t> tokens = random_tokens(12, 6);
    const int32_t sequence = engine.create_sequence();
    const Outcome prompt = feed(engine, sequence, tokens);
    CHECK(engine.counters().forecasts.late_forecasts == 0);  // none was wanted for a prompt
    // The thread may miss a step that is so short, but not all of many.
    wait_until([&] {
      feed(engine, sequence, {7});
      engine.truncate_sequence(sequence, static_cast<int32_t>(tokens.size()));
      const std::lock_guard lock(mutex);
      return !seen.empty();
    });
    const std::lock_guard lock(mutex);
    std::vector<float> expected(scene.shape.outputs(), 0.0F);
    for (size_t i = 0; i < scene.shape.route(); ++i) {
      const auto used = static_cast<size_t>(scene.shape.used);
      const size_t layer = i / used;
      const int32_t expert = prompt.experts[prompt.experts.size() - scene.shape.route() + i];
      expected[layer * static_cast<size_t>(scene.shape.experts) + static_cast<size_t>(expert)] = 1;
    }
    for (size_t i = 0; i < expected.size(); ++i) CHECK(std::round(seen[0][i]) == expected[i]);
  }
}

TEST_CASE("a predictor must be for the model, and there must be one for what goes by it") {
  Scene scene;
  scene.options.predictor = previous_token_predictor({2, 8, 2});
  const auto load = [&] { Engine(scene.options, LoadControl()); };
  CHECK_SAYS(error_of(ErrorCode::kInvalidArgument, load),
             "the predictor is for 2 layers of 8 experts, of which a token uses 2; the model has 2 layers of 4");
  CHECK_SAYS(error_of(ErrorCode::kInvalidArgument, [&] { plan_engine(scene.options); }),
             "the predictor is for 2 layers");
  scene.options.predictor = nullptr;
  for (const Prefetch prefetch : {Prefetch::kRoutePath, Prefetch::kBlend}) {
    scene.options.prefetch = prefetch;
    CHECK_SAYS(error_of(ErrorCode::kInvalidArgument, load), "needs a predictor that was trained for this model");
  }
}

TEST_CASE("a predictor's memory is part of the budget") {
  Scene scene;
  scene.options.cache.bytes = 0;
  scene.options.prefetch = Prefetch::kAuto;
  const MemoryPlan with = plan_engine(scene.options);
  const uint64_t histories = Forecaster::working_bytes(scene.shape, kContext);
  CHECK(with.predictor == scene.options.predictor->bytes() + histories);
  CHECK(histories > kContext * scene.shape.route() * sizeof(int32_t));
  scene.options.predictor = nullptr;
  CHECK(plan_engine(scene.options).predictor == 0);
}
