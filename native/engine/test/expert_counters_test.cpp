// What the engine counts is what an independent recount and a simulation of its routes come to.
#include <doctest/doctest.h>

#include <thread>

#include "base/error.h"
#include "engine/test/tier_models.h"
#include "experts/simulation.h"

using namespace moeflow;
using namespace moeflow::test;

TEST_CASE("the counters are those of a recount from the routes") {
  const TinyFile file(models()[0]);
  const auto whole = file.engine();
  EngineOptions options = file.options();
  options.cache.bytes = SlotPlan(whole->model().experts, 2).most_bytes() / 2;
  options.cache.policy = "lru";
  options.prefetch = Prefetch::kNone;
  Engine engine(options, LoadControl());
  const Outcome outcome = run_alone(engine, random_tokens(60, 13), 1);

  // Least recently used among 4 of the 8 experts, token by token and layer by layer: those that are there first.
  uint64_t hits = 0, misses = 0;
  std::vector<int32_t> recent;  // the most recently used one last
  const auto use = [&](int32_t expert) {
    if (const auto found = std::find(recent.begin(), recent.end(), expert); found != recent.end()) recent.erase(found);
    recent.push_back(expert);
  };
  for (size_t at = 0; at < outcome.experts.size(); at += 2) {
    std::vector<int32_t> wanted;
    for (size_t k = 0; k < 2; ++k) wanted.push_back(static_cast<int32_t>(at / 2 % 2) * 4 + outcome.experts[at + k]);
    std::sort(wanted.begin(), wanted.end());
    std::vector<int32_t> absent;
    for (const int32_t expert : wanted) {
      if (std::find(recent.begin(), recent.end(), expert) == recent.end()) {
        absent.push_back(expert);
      } else {
        ++hits;
        use(expert);
      }
    }
    for (const int32_t expert : absent) {
      ++misses;
      if (recent.size() == 4) recent.erase(recent.begin());
      use(expert);
    }
  }
  CHECK(engine.expert_cache()->counters().hits == hits);
  CHECK(engine.expert_cache()->counters().misses == misses);
  CHECK(hits > 0);
}

TEST_CASE("a simulation of the routes comes to the same hits, whatever the policy, the slots, chunks and sequences") {
  for (const TinyOptions& tiny : models()) {
    const TinyFile file(tiny);
    const auto whole = file.engine();
    const SlotPlan slots(whole->model().experts, 2);
    for (const char* policy : {"lru", "lfu", "lfru", "least-stale", "s3-fifo", "plec"}) {
      for (const uint64_t bytes : {slots.fewest_bytes(), slots.most_bytes() / 2, slots.most_bytes() * 3 / 4}) {
        CAPTURE(tiny.architecture);
        CAPTURE(policy);
        CAPTURE(bytes);
        EngineOptions options = file.options();
        options.cache.bytes = bytes;
        options.cache.policy = policy;
        options.prefetch = Prefetch::kNone;
        Engine engine(options, LoadControl());
        std::vector<int32_t> routes, item_tokens, step_items;
        const std::vector<int32_t> sequences = {engine.create_sequence(), engine.create_sequence()};
        const std::vector<std::vector<int32_t>> tokens = {random_tokens(60, 20), random_tokens(60, 21)};
        std::vector<size_t> at = {0, 0};
        // A prompt in two chunks, then both sequences, the second one's prompt beside the first one's single tokens.
        const auto step = [&](std::vector<size_t> counts) {
          std::vector<StepItem> items;
          for (size_t i = 0; i < counts.size(); ++i) {
            if (counts[i] == 0) continue;
            items.push_back(ask(sequences[i], tokens[i], at[i], counts[i]));
            item_tokens.push_back(static_cast<int32_t>(counts[i]));
            at[i] += counts[i];
          }
          step_items.push_back(static_cast<int32_t>(items.size()));
          for (const StepItemResult& result : engine.step(items, kNotCancelled)) {
            routes.insert(routes.end(), result.experts.begin(), result.experts.end());
          }
        };
        step({9});
        step({5});
        for (int i = 0; i < 12; ++i) step({1});
        step({1, 7});
        for (int i = 0; i < 20; ++i) step({1, 1});

        const ModelConfig& config = whole->model().config;
        const int32_t layers = config.layers - config.leading_dense_layers;
        SimulatedCache simulated{policy, slots.classes(bytes), {}};
        simulated.slots.of_layer.resize(static_cast<size_t>(layers));  // all in one class
        uint64_t hits = 0, misses = 0;
        for (const SimulatedLayer& layer :
             simulate({{layers, config.router.experts, layers, 2}, routes, item_tokens, step_items}, simulated)) {
          hits += layer.hits;
          misses += layer.misses;
        }
        CHECK(engine.expert_cache()->counters().hits == hits);
        CHECK(engine.expert_cache()->counters().misses == misses);
        CHECK(misses > 0);
      }
    }
  }
}

TEST_CASE(
    "what steps cost never becomes less, also when some are cancelled or fail, and they wait no longer than they "
    "take") {
  const TinyFile file(models()[1]);
  const auto whole = file.engine();
  EngineOptions options = file.options();
  options.cache.bytes = SlotPlan(whole->model().experts, 2).most_bytes() / 2;
  options.prefetch = Prefetch::kGateAhead;
  std::atomic<bool> broken = false;
  std::atomic<bool> cancelled = false;
  std::atomic<int> until_cancelled = 0;
  options.reads.before_read = [&](uint32_t, uint64_t) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    if (--until_cancelled == 0) cancelled = true;
    if (broken) throw std::runtime_error("the disk is gone");
  };
  Engine engine(options, LoadControl());
  const std::vector<int32_t> tokens = random_tokens(90, 22);
  const int32_t sequence = engine.create_sequence();
  StepCounters before = engine.counters();
  int failed_steps = 0;
  int cancelled_steps = 0;
  for (size_t at = 0; at < tokens.size(); ++at) {
    broken = at % 7 == 3;
    cancelled = false;
    until_cancelled = at % 5 == 4 ? 2 : 0;
    try {
      engine.step({ask(sequence, tokens, at, 1)}, cancelled);
    } catch (const Error& error) {
      ++(error.code() == ErrorCode::kCancelled ? cancelled_steps : failed_steps);
    }
    const StepCounters after = engine.counters();
    CHECK(after.seconds > before.seconds);
    CHECK(after.experts.stall_seconds <= after.seconds);
    CHECK(after.experts.hits >= before.experts.hits);
    CHECK(after.experts.late_hits >= before.experts.late_hits);
    CHECK(after.experts.misses >= before.experts.misses);
    CHECK(after.experts.prefetches >= before.experts.prefetches);
    CHECK(after.experts.wasted_prefetches >= before.experts.wasted_prefetches);
    CHECK(after.experts.bytes_read >= before.experts.bytes_read);
    before = after;
  }
  CHECK(failed_steps > 0);
  CHECK(cancelled_steps > 0);
  CHECK(before.experts.prefetches > 0);
}

TEST_CASE("the uses of each expert are those of a recount from the routes, and as many are in memory as have a place") {
  const TinyFile file(models()[0]);
  const auto whole = file.engine();
  EngineOptions options = file.options();
  options.cache.bytes = SlotPlan(whole->model().experts, 2).most_bytes() / 2;
  Engine engine(options, LoadControl());
  std::vector<double> uses(8);
  for (const unsigned seed : {13U, 14U}) {
    const Outcome outcome = run_alone(engine, random_tokens(30, seed), 7);
    for (size_t at = 0; at < outcome.experts.size(); ++at) {
      ++uses[at / 2 % 2 * 4 + static_cast<size_t>(outcome.experts[at])];
    }
  }
  const ExpertReport report = engine.experts();
  CHECK(report.uses == uses);
  CHECK(std::count(report.in_memory.begin(), report.in_memory.end(), 1) == engine.expert_cache()->slots());
  CHECK(whole->experts().in_memory == std::vector<uint8_t>(8, 1));
}
