// Simulated caches that go by a trained predictor.
#include <doctest/doctest.h>

#include "experts/simulator.h"
#include "prediction/test/route_predictors.h"

using namespace moeflow;
using namespace moeflow::test;

namespace {

// Two layers of four experts, of which a token uses one in each.
constexpr ExpertGrid kGrid{2, 4, 2, 1};
constexpr RouteShape kShape{2, 4, 1};

SimulatorOptions options_with(std::shared_ptr<const RoutePredictor> predictor, int32_t slots, const char* policy) {
  SimulatorOptions options;
  options.grid = kGrid;
  options.caches.push_back({policy, {{0, 0}, {slots}}, {}});
  options.trained = TrainedPrediction{std::move(predictor), 0.5F};
  return options;
}

struct Counts {
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t prefetches = 0;
  uint64_t prefetch_hits = 0;
  uint64_t wasted = 0;
  bool operator==(const Counts&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Counts& c) {
  return out << c.hits << " hits, " << c.misses << " misses, " << c.prefetches << " fetched ahead, " << c.prefetch_hits
             << " of use, " << c.wasted << " wasted";
}

Counts counts_of(CacheSimulator& simulator, Phase phase = kDecode) {
  const PhaseCounts counts = simulator.finish().caches.front()[phase];
  Counts sum;
  for (const LayerCounts& layer : counts.layers) {
    sum.hits += layer.hits;
    sum.misses += layer.misses;
    sum.prefetches += layer.prefetches;
    sum.prefetch_hits += layer.prefetch_hits;
  }
  sum.wasted = counts.wasted_prefetches;
  return sum;
}

// Expert 1 of both layers with .9, the others with .1.
std::shared_ptr<const RoutePredictor> always_one() {
  return constant_predictor(kShape, {0.1F, 0.9F, 0.1F, 0.1F, 0.1F, 0.9F, 0.1F, 0.1F});
}

const std::vector<int32_t> kIds = {7, 7, 7, 7};
const std::vector<int32_t> kOneSequence = {0, 0, 0, 0};

}  // namespace

TEST_CASE("what a trained predictor finds probable is there when its layer asks, from the first token on") {
  const std::vector<int32_t> routes = {1, 1, 1, 2, 1, 1, 1, 1};  // once it is wrong
  for (const char* policy : {"lru", "plec", "belady"}) {
    CAPTURE(policy);
    CacheSimulator simulator(options_with(always_one(), 8, policy));
    simulator.push({routes, {}, {}, kIds, kOneSequence, {}});
    CHECK(counts_of(simulator) == Counts{7, 1, 2, 2, 0});
  }
}

TEST_CASE("what is less probable than the bound is not fetched, and prompts are not predicted") {
  const std::vector<int32_t> routes = {1, 1, 1, 1};
  const std::vector<int32_t> ids = {7, 7};
  const std::vector<int32_t> sequences = {0, 0};
  SimulatorOptions options = options_with(always_one(), 8, "plec");
  options.trained->least_probability = 0.95F;
  CacheSimulator cautious(options);
  cautious.push({routes, {}, {}, ids, sequences, {}});
  CHECK(counts_of(cautious) == Counts{2, 2, 0, 0, 0});

  const std::vector<int32_t> steps = {2};
  const std::vector<uint8_t> prompt = {0, 0};
  CacheSimulator reading(options_with(always_one(), 8, "plec"));
  reading.push({routes, steps, prompt, ids, sequences, {}});
  CHECK(counts_of(reading, kPrefill) == Counts{0, 2, 0, 0, 0});
}

TEST_CASE("predictions go by the sequence's own past, until it is over") {
  // Two sequences in turn, each faithful to its own expert; nothing but its past tells which. Four slots for the two
  // layers, of which two may be fetched ahead.
  const std::vector<int32_t> routes = {0, 0, 1, 1, 0, 0, 1, 1};
  const std::vector<int32_t> sequences = {4, 9, 4, 9};
  CacheSimulator two(options_with(previous_token_predictor(kShape), 4, "lru"));
  two.push({routes, {}, {}, kIds, sequences, {}});
  // All four stay: nothing needs to be fetched.
  CHECK(counts_of(two) == Counts{4, 4, 0, 0, 0});
  CacheSimulator narrow(options_with(previous_token_predictor(kShape), 2, "lru"));
  narrow.push({routes, {}, {}, kIds, sequences, {}});
  // One of two slots may be fetched ahead: layer 0's, and when that has been used, layer 1's.
  CHECK(counts_of(narrow) == Counts{4, 4, 4, 4, 0});
  // The first of each is the last of its sequence: what comes then is of another one.
  const std::vector<uint8_t> last = {1, 1, 0, 0};
  CacheSimulator strangers(options_with(previous_token_predictor(kShape), 2, "lru"));
  strangers.push({routes, {}, {}, kIds, sequences, last});
  CHECK(counts_of(strangers) == Counts{0, 8, 0, 0, 0});
  CacheSimulator emptied(options_with(previous_token_predictor(kShape), 2, "lru"));
  const auto first = std::span(routes).first(4);
  const auto two_of = [](const std::vector<int32_t>& values) { return std::span(values).first(2); };
  emptied.push({first, {}, {}, two_of(kIds), two_of(sequences), {}});
  emptied.empty_caches();
  emptied.push({first, {}, {}, two_of(kIds), two_of(sequences), {}});
  CHECK(counts_of(emptied) == Counts{0, 8, 0, 0, 0});
}

TEST_CASE("plec keeps what is probably used next rather than what was used most") {
  // Places for three of the experts of both layers. 0 is used often in both, then layer 1 turns to 1, as the predictor
  // knows; and when layer 0 does so too, one of the three has to leave.
  const std::vector<int32_t> routes = {0, 0, 0, 0, 0, 0, 0, 1, 1, 1};
  const std::vector<int32_t> ids(5, 7);
  const std::vector<int32_t> sequence(5, 0);
  SimulatorOptions options =
      options_with(constant_predictor(kShape, {0.5F, 0.5F, 0.01F, 0.01F, 0.01F, 0.99F, 0.01F, 0.01F}), 3, "plec");
  options.trained->least_probability = 1;
  CacheSimulator aware(options);
  aware.push({routes, {}, {}, ids, sequence, {}});
  CHECK(counts_of(aware) == Counts{6, 4, 0, 0, 0});
  options.trained.reset();
  CacheSimulator unaware(options);
  unaware.push({routes, {}, {}});
  CHECK(counts_of(unaware) == Counts{5, 5, 0, 0, 0});
}

TEST_CASE("plec keeps what the predictor says is used soon after the token") {
  // Places for two of four experts. When 2 comes, 0 or 1 has to leave, which are both improbable just then.
  const RouteShape shape{1, 4, 1};
  const std::vector<int32_t> routes = {0, 1, 2, 0};
  const auto counts_with = [&](const std::vector<float>& later) {
    SimulatorOptions options = options_with(constant_predictor(shape, std::vector<float>(4, 0.01F), later), 2, "plec");
    options.grid = {1, 4, 1, 1};
    options.caches[0].slots.of_layer = {0};
    CacheSimulator simulator(options);
    simulator.push({routes, {}, {}, kIds, kOneSequence, {}});
    return counts_of(simulator);
  };
  CHECK(counts_with({0.9F, 0.1F, 0.1F, 0.1F}) == Counts{1, 3, 0, 0, 0});
  CHECK(counts_with({0.1F, 0.9F, 0.1F, 0.1F}) == Counts{0, 4, 0, 0, 0});
}

TEST_CASE("a predictor that does not fit the trace, or lacks what it goes by, is refused") {
  CHECK_THROWS_WITH(CacheSimulator(options_with(constant_predictor({2, 3, 1}, std::vector<float>(6, 0.5F)), 8, "lru")),
                    "the predictor is for 2 layers of 3 experts with 1 per token, and the trace has 2 layers of 4 "
                    "experts with 1 per token");
  SimulatorOptions both = options_with(always_one(), 8, "lru");
  both.prediction = PredictionQuality{};
  CHECK_THROWS_WITH(CacheSimulator{both}, "predictions are either made up or a trained predictor's, not both");
  CacheSimulator simulator(options_with(always_one(), 8, "lru"));
  const std::vector<int32_t> routes = {1, 1};
  const std::vector<int32_t> one = {0};
  CHECK_THROWS_WITH(simulator.push({routes, {}, {}, {}, one, {}}),
                    "a trained predictor needs the tokens' ids and sequences");
  CHECK_THROWS_WITH(simulator.push({routes, {}, {}, kIds, one, {}}), "the ids of 4 tokens do not fit routes of 1");
  simulator.push({routes, {}, {}, one, one, {}});
  CHECK(counts_of(simulator) == Counts{2, 0, 2, 2, 0});
}
