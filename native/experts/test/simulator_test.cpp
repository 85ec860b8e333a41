// Simulated caches that are fed step by step.
#include "experts/simulator.h"

#include <doctest/doctest.h>

#include <random>

#include "base/error.h"

using namespace moeflow;

namespace {

const std::vector<const char*> kAllPolicies = {"lru",     "lfu",    "lfru", "least-stale",
                                               "s3-fifo", "static", "plec", "belady"};

SimulatorOptions options_for(const ExpertGrid& grid, int32_t slots, const std::vector<const char*>& policies) {
  SimulatorOptions options;
  options.grid = grid;
  options.expert_bytes.resize(static_cast<size_t>(grid.layers), 1000);
  for (const char* policy : policies) {
    options.caches.push_back({policy, {std::vector<int32_t>(static_cast<size_t>(grid.layers)), {slots}}, {0, 3, 5}});
  }
  return options;
}

std::vector<int32_t> random_routes(const ExpertGrid& grid, int tokens, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> routes;
  for (int i = 0; i < tokens * grid.layers; ++i) {
    const auto first = static_cast<int32_t>(random() % static_cast<uint32_t>(grid.per_layer));
    for (int32_t k = 0; k < grid.used; ++k) routes.push_back((first + k * k) % grid.per_layer);
  }
  return routes;
}

uint64_t hits(const PhaseCounts& phase) {
  uint64_t sum = 0;
  for (const LayerCounts& layer : phase.layers) sum += layer.hits;
  return sum;
}

uint64_t uses(const CacheCounts& counts) {
  uint64_t sum = 0;
  for (const PhaseCounts& phase : counts) {
    for (const LayerCounts& layer : phase.layers) sum += layer.hits + layer.misses;
  }
  return sum;
}

}  // namespace

TEST_CASE("it does not matter in how many parts the routes come") {
  const ExpertGrid grid{3, 16, 3, 2};
  const auto routes = random_routes(grid, 200, 1);
  CacheSimulator whole(options_for(grid, 12, kAllPolicies));
  whole.push({routes, {}, {}});
  CacheSimulator parts(options_for(grid, 12, kAllPolicies));
  for (size_t token = 0; token < 200; token += 40) parts.push({std::span(routes).subspan(6 * token, 240), {}, {}});
  const SimulatorResult a = whole.finish();
  const SimulatorResult b = parts.finish();
  CHECK(a.tokens[kDecode] == 200);
  for (size_t i = 0; i < kAllPolicies.size(); ++i) {
    CAPTURE(kAllPolicies[i]);
    CHECK(hits(a.caches[i][kDecode]) > 0);
    CHECK(hits(a.caches[i][kDecode]) == hits(b.caches[i][kDecode]));
    CHECK(uses(a.caches[i]) == 1200);
  }
}

TEST_CASE("emptied caches know nothing of what was before, not even of how it was used") {
  const ExpertGrid grid{2, 8, 2, 2};
  const auto routes = random_routes(grid, 50, 2);
  CacheSimulator once(options_for(grid, 6, kAllPolicies));
  once.push({routes, {}, {}});
  CacheSimulator twice(options_for(grid, 6, kAllPolicies));
  twice.push({routes, {}, {}});
  twice.empty_caches();
  twice.push({routes, {}, {}});
  const SimulatorResult a = once.finish();
  const SimulatorResult b = twice.finish();
  for (size_t i = 0; i < kAllPolicies.size(); ++i) CHECK(2 * hits(a.caches[i][kDecode]) == hits(b.caches[i][kDecode]));
}

TEST_CASE("one by one, an expert may make room for another of its own request") {
  // Two tokens of one step use 0 and 1, then 1 and 2; two slots.
  const ExpertGrid grid{1, 4, 1, 2};
  const std::vector<int32_t> routes = {1, 0, 2, 1, 2, 1};
  const std::vector<int32_t> steps = {1, 2};
  const auto hits_of = [&](AccessOrder order) {
    SimulatorOptions options = options_for(grid, 2, {"lru"});
    options.order = order;
    CacheSimulator simulator(std::move(options));
    simulator.push({routes, steps, {}});
    const CacheCounts counts = simulator.finish().caches[0];
    return std::pair(hits(counts[kDecode]), counts[kDecode].layers[0].misses);
  };
  CHECK(hits_of(AccessOrder::kEngine) == std::pair<uint64_t, uint64_t>(1, 3));  // 1 is here, 2 is not
  CHECK(hits_of(AccessOrder::kResidentsFirst) == std::pair<uint64_t, uint64_t>(1, 3));
  CHECK(hits_of(AccessOrder::kStrict) == std::pair<uint64_t, uint64_t>(1, 3));
  // 1 0 | 2 1 2 1: 2 takes the place of 1, 1 that of 0, then both are here.
  CHECK(hits_of(AccessOrder::kRecorded) == std::pair<uint64_t, uint64_t>(2, 4));
}

TEST_CASE("what was not recorded is not asked for, and prompts and generated tokens are counted apart") {
  const ExpertGrid grid{2, 4, 2, 1};
  // A prompt of two tokens, of which layer 1 saw the last one only, then a generated token.
  const std::vector<int32_t> routes = {0, kNotRecorded, 1, 3, 1, 2};
  const std::vector<int32_t> steps = {2, 1};
  const std::vector<uint8_t> generating = {0, 0, 1};
  CacheSimulator simulator(options_for(grid, 8, {"lru", "belady"}));
  simulator.push({routes, steps, generating});
  const SimulatorResult result = simulator.finish();
  CHECK(result.tokens == std::array<uint64_t, kPhases>{2, 1});
  for (const CacheCounts& counts : result.caches) {
    CHECK(counts[kPrefill].layers[0].misses == 2);
    CHECK(counts[kPrefill].layers[1].misses == 1);
    CHECK(counts[kDecode].layers[0].hits == 1);
    CHECK(counts[kDecode].layers[1].misses == 1);
  }
}

TEST_CASE("an oracle predicts with the recall and precision that it was asked for") {
  const ExpertGrid grid{1, 64, 1, 4};
  for (const double recall : {0.0, 0.5, 0.9, 1.0}) {
    for (const double precision : {0.25, 0.7, 1.0}) {
      PredictionOracle oracle(grid, {recall, precision, 1, 3});
      std::mt19937 random(4);
      double right = 0;
      double all = 0;
      for (int i = 0; i < 5000; ++i) {
        const auto first = static_cast<int32_t>(random() % 60);
        const LayerRequest request{0, {first, first + 1, first + 2, first + 3}, 4};
        std::vector<int32_t> predicted = oracle.predict(request);
        all += static_cast<double>(predicted.size());
        std::sort(predicted.begin(), predicted.end());
        CHECK(std::unique(predicted.begin(), predicted.end()) == predicted.end());
        for (const int32_t expert : predicted) right += expert >= first && expert < first + 4 ? 1 : 0;
      }
      CHECK(right / 20000 == doctest::Approx(recall).epsilon(0.02));
      if (recall > 0) CHECK(right / all == doctest::Approx(precision).epsilon(0.02));
    }
  }
}

TEST_CASE(
    "a perfect oracle leaves the first request to miss, if there is room for the next layer; a useless one wastes") {
  const ExpertGrid grid{3, 16, 3, 2};
  const auto routes = random_routes(grid, 100, 5);
  SimulatorOptions options = options_for(grid, 8, {"lru", "plec"});
  options.prediction = PredictionQuality{1, 1, 1, 0};
  CacheSimulator perfect(options);
  perfect.push({routes, {}, {}});
  for (const CacheCounts& counts : perfect.finish().caches) {
    CHECK(hits(counts[kDecode]) == 600 - 2);
    CHECK(counts[kDecode].wasted_prefetches == 0);
    uint64_t prefetches = 0;
    uint64_t prefetch_hits = 0;
    for (const LayerCounts& layer : counts[kDecode].layers) {
      prefetches += layer.prefetches;
      prefetch_hits += layer.prefetch_hits;
    }
    CHECK(prefetches == prefetch_hits);
  }
  options.prediction = PredictionQuality{0.5, 0.2, 2, 0};
  CacheSimulator poor(options);
  poor.push({routes, {}, {}});
  for (const CacheCounts& counts : poor.finish().caches) {
    uint64_t prefetches = 0;
    uint64_t prefetch_hits = 0;
    for (const LayerCounts& layer : counts[kDecode].layers) {
      prefetches += layer.prefetches;
      prefetch_hits += layer.prefetch_hits;
    }
    CHECK(counts[kDecode].wasted_prefetches > 0);
    CHECK(prefetches == prefetch_hits + counts[kDecode].wasted_prefetches);
  }
}

TEST_CASE("time is what computing and waiting for reads take, by hand") {
  // Experts of 1000 bytes at 1000 bytes/s: 1 s each; computing one takes 0.25 s. One layer, two per token, 2 slots.
  const ExpertGrid grid{1, 4, 1, 2};
  const std::vector<int32_t> routes = {0, 1, 1, 2};
  SimulatorOptions options = options_for(grid, 2, {"lru", "belady"});
  options.cost = ReadCost{1000, 0.25, true};
  const auto run = [&] {
    CacheSimulator simulator(options);
    simulator.push({routes, {}, {}});
    return simulator.finish().caches;
  };
  // Token 1: 0 arrives at 1, computed until 1.25; 1 arrives at 2, until 2.25. Token 2: 1 at once, until 2.5; 2 is asked
  // for at 2.25, arrives at 3.25, until 3.5. Waited: 1, .75, .75.
  for (const CacheCounts& counts : run()) {
    CHECK(counts[kDecode].seconds == doctest::Approx(3.5));
    CHECK(counts[kDecode].stall_seconds == doctest::Approx(2.5));
  }
  options.cost->overlap = false;
  for (const CacheCounts& counts : run()) {
    CHECK(counts[kDecode].seconds == doctest::Approx(3 + 4 * 0.25));
    CHECK(counts[kDecode].stall_seconds == doctest::Approx(3));
  }
}

TEST_CASE("what was sent for ahead comes while the layer before computes, and behind what is needed now") {
  // Two layers with an expert each per token; computing takes .25 s, reading 1 s; all have a place.
  const ExpertGrid grid{2, 2, 2, 1};
  const std::vector<int32_t> routes = {0, 0, 0, 1};
  SimulatorOptions options = options_for(grid, 4, {"lru"});
  options.cost = ReadCost{1000, 0.25, true};
  options.prediction = PredictionQuality{1, 1, 1, 0};
  CacheSimulator simulator(options);
  simulator.push({routes, {}, {}});
  const CacheCounts counts = simulator.finish().caches.front();
  // Layer 0 reads until 1 and computes until 1.25; layer 1's expert comes behind it, at 2, and is computed until 2.25.
  // Layer 0 of token 2 is a hit; the next expert of layer 1 is sent for at once, comes at 3.25, and is done at 3.5.
  CHECK(counts[kDecode].seconds == doctest::Approx(3.5));
  CHECK(counts[kDecode].stall_seconds == doctest::Approx(2.5));
}

TEST_CASE("steps that make no sense are refused, and the simulation goes on without them") {
  const ExpertGrid grid{2, 8, 2, 1};
  CacheSimulator simulator(options_for(grid, 4, {"lru"}));
  const std::vector<int32_t> routes = {0, 1, 2, 9};
  CHECK_THROWS_WITH(simulator.push({routes, {}, {}}), "token 1, layer 1: expert 9 of 8");
  const auto good = std::span(routes).first(2);
  const std::vector<int32_t> two = {2};
  const std::vector<int32_t> none = {0, 1};
  const std::vector<uint8_t> phases = {1, 1};
  CHECK_THROWS_WITH(simulator.push({good, two, {}}), "the steps of the trace have 2 tokens, and its routes 1");
  CHECK_THROWS_WITH(simulator.push({good, none, {}}), "the trace has a step of 0 tokens; 1 is the least");
  CHECK_THROWS_WITH(simulator.push({good, {}, phases}), "the phases of 2 tokens do not fit routes of 1");
  simulator.push({good, {}, {}});
  CHECK(uses(simulator.finish().caches[0]) == 2);
}
