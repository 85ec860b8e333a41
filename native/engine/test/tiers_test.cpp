// Promise 1 once more: with experts that come and go, logits are those of the model that is wholly in memory, to the
// bit.
#include <doctest/doctest.h>

#include <thread>

#include "base/error.h"
#include "engine/test/tier_models.h"

using namespace moeflow;
using namespace moeflow::test;

TEST_CASE("any number of slots, any policy, any chunks and threads: the same bits") {
  const std::vector<int32_t> tokens = random_tokens(37, 11);
  for (const TinyOptions& tiny : models()) {
    CAPTURE(tiny.architecture);
    CAPTURE(tiny.q8_0);
    const TinyFile file(tiny);
    const Outcome expected = run_alone(*file.engine(), tokens);
    EngineOptions options = file.options();
    options.threads = 2;
    options.cache.poison = true;
    const ExpertLayout layout = file.engine()->model().experts;
    const uint64_t most = SlotPlan(layout, 2).most_bytes();
    for (const char* policy : {"lru", "lfu", "lfru", "least-stale", "s3-fifo", "static", "plec"}) {
      options.cache.policy = policy;
      options.cache.hot = {{1, 0}, {1, 1}, {1, 2}};
      for (uint64_t bytes = SlotPlan(layout, 2).fewest_bytes(); bytes <= most; bytes += most / 8) {
        CAPTURE(policy);
        options.cache.bytes = bytes;
        Engine engine(options, LoadControl());
        REQUIRE(engine.expert_cache());
        for (const size_t chunk : {size_t{1}, size_t{5}, size_t{37}}) {
          CHECK(run_alone(engine, tokens, chunk).same_bits_as(expected));
        }
        CHECK(engine.expert_cache()->counters().misses > 0);
      }
    }
  }
}

TEST_CASE("looking ahead changes no bit, and most of what the next layer's router is foreseen to choose is used") {
  const std::vector<int32_t> tokens = random_tokens(60, 14);
  for (const TinyOptions& tiny : models()) {
    CAPTURE(tiny.architecture);
    const TinyFile file(tiny);
    const auto whole = file.engine();
    EngineOptions options = file.options();
    options.cache.bytes = SlotPlan(whole->model().experts, 2).most_bytes() / 2;
    options.cache.poison = true;
    for (const Prefetch prefetch : {Prefetch::kNone, Prefetch::kGateAhead, Prefetch::kPreviousToken, Prefetch::kAuto}) {
      options.prefetch = prefetch;
      Engine engine(options, LoadControl());
      CHECK(run_alone(engine, tokens, 1).same_bits_as(run_alone(*whole, tokens)));
      const CacheCounters counters = engine.expert_cache()->counters();
      CHECK((counters.prefetches > 0) == (prefetch != Prefetch::kNone));
      if (prefetch == Prefetch::kGateAhead) CHECK(2 * counters.wasted_prefetches <= counters.prefetches);
    }
  }
}

TEST_CASE("predictions from outside move bytes only: right, wrong and random ones give the same bits") {
  const std::vector<int32_t> tokens = random_tokens(50, 15);
  for (const TinyOptions& tiny : models()) {
    CAPTURE(tiny.architecture);
    const TinyFile file(tiny);
    const auto whole = file.engine();
    const Outcome expected = run_alone(*whole, tokens);
    const ModelConfig& config = whole->model().config;
    const auto leading = static_cast<size_t>(config.leading_dense_layers);
    const auto layers = static_cast<size_t>(config.layers);
    std::mt19937 random(3);
    for (const char* policy : {"plec", "lru"}) {
      for (const Prefetch prefetch : {Prefetch::kGateAhead, Prefetch::kPreviousToken}) {
        for (const bool right : {true, false}) {
          CAPTURE(right);
          EngineOptions options = file.options();
          options.threads = 2;
          options.prefetch = prefetch;
          options.cache.policy = policy;
          options.cache.bytes = SlotPlan(whole->model().experts, 2).most_bytes() / 2;
          options.cache.poison = true;
          Engine engine(options, LoadControl());
          const int32_t sequence = engine.create_sequence();
          Outcome outcome;
          for (size_t t = 0; t < tokens.size(); ++t) {
            PredictedExperts predicted(layers);
            for (size_t layer = leading; layer < layers; ++layer) {
              for (size_t k = 0; k < 2; ++k) {
                const size_t at = (t * (layers - leading) + layer - leading) * 2 + k;
                predicted[layer].push_back(right ? expected.experts[at] : static_cast<int32_t>(random() % 4));
              }
            }
            outcome.append(engine.step({ask(sequence, tokens, t, 1)}, kNotCancelled, predicted)[0]);
          }
          CHECK(outcome.same_bits_as(expected));
          CHECK(engine.expert_cache()->counters().prefetches > 0);
        }
      }
    }
  }
}

TEST_CASE("predicted experts that the model does not have are refused") {
  const TinyFile file(models()[2]);  // its first layer is dense
  const auto engine = file.engine();
  const int32_t sequence = engine->create_sequence();
  const std::vector<int32_t> tokens = random_tokens(1, 1);
  const auto layers = static_cast<size_t>(engine->model().config.layers);
  const auto step = [&](const PredictedExperts& predicted) {
    engine->step({ask(sequence, tokens)}, kNotCancelled, predicted);
  };
  CHECK_THROWS_AS(step(PredictedExperts(layers + 1)), Error);
  PredictedExperts predicted(layers);
  predicted[1] = {0, 99};
  CHECK_THROWS_AS(step(predicted), Error);
  predicted[1] = {};
  predicted[0] = {0};
  CHECK_THROWS_AS(step(predicted), Error);
  predicted[0] = {};
  step(predicted);
}

TEST_CASE("a prompt of 2,000 tokens and 500 single tokens after it: the same bits") {
  TinyOptions tiny = models()[1];
  tiny.context = 2560;
  const TinyFile file(tiny);
  const std::vector<int32_t> tokens = random_tokens(2560, 16);
  EngineOptions options = file.options();
  const auto whole = std::make_unique<Engine>(options, LoadControl());
  options.cache.bytes = SlotPlan(whole->model().experts, 2).most_bytes() * 5 / 8;
  options.cache.poison = true;
  options.threads = 2;
  Engine engine(options, LoadControl());
  const std::vector<int32_t> sequences = {whole->create_sequence(), engine.create_sequence()};
  const auto compare = [&](size_t at, size_t count) {
    Outcome expected, outcome;
    expected.append(whole->step({ask(sequences[0], tokens, at, count)}, kNotCancelled)[0]);
    outcome.append(engine.step({ask(sequences[1], tokens, at, count)}, kNotCancelled)[0]);
    if (!outcome.same_bits_as(expected)) FAIL("different after token " << at);
  };
  for (size_t at = 0; at < 60; ++at) compare(at, 1);
  for (size_t at = 60; at < 2060; at += 250) compare(at, 250);
  for (size_t at = 2060; at < 2560; ++at) compare(at, 1);
}

TEST_CASE("two models at once do not disturb each other") {
  const std::vector<int32_t> tokens = random_tokens(40, 17);
  std::vector<std::unique_ptr<TinyFile>> files;
  std::vector<std::unique_ptr<Engine>> engines;
  std::vector<Outcome> expected(2), outcomes(2);
  for (size_t i = 0; i < 2; ++i) {
    files.push_back(std::make_unique<TinyFile>(models()[1 + i]));
    const auto whole = files[i]->engine();
    expected[i] = run_alone(*whole, tokens);
    EngineOptions options = files[i]->options();
    options.cache.bytes = SlotPlan(whole->model().experts, 2).fewest_bytes();
    options.cache.poison = true;
    engines.push_back(std::make_unique<Engine>(options, LoadControl()));
  }
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] { outcomes[i] = run_alone(*engines[i], tokens, 3); });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < 2; ++i) CHECK(outcomes[i].same_bits_as(expected[i]));
}

TEST_CASE("slow reads that end in any order, and several sequences in a step: the same bits") {
  const TinyFile file(models()[1]);
  std::vector<std::vector<int32_t>> prompts;
  std::vector<Outcome> expected;
  const auto whole = file.engine();
  for (unsigned i = 0; i < 3; ++i) {
    prompts.push_back(random_tokens(24, 30 + i));
    expected.push_back(run_alone(*whole, prompts.back()));
  }
  EngineOptions options = file.options();
  options.threads = 2;
  options.cache.bytes = SlotPlan(whole->model().experts, 2).fewest_bytes();
  options.cache.poison = true;
  std::atomic<unsigned> reads = 0;
  options.reads.before_read = [&](uint32_t, uint64_t) {
    std::this_thread::sleep_for(std::chrono::microseconds(reads.fetch_add(1) * 7919 % 300));
  };
  Engine engine(options, LoadControl());
  std::vector<int32_t> sequences;
  for (size_t i = 0; i < prompts.size(); ++i) sequences.push_back(engine.create_sequence());
  std::vector<Outcome> outcomes(prompts.size());
  for (size_t at = 0; at < 24; at += 4) {
    std::vector<StepItem> items;
    for (size_t i = 0; i < prompts.size(); ++i) items.push_back(ask(sequences[i], prompts[i], at, 4));
    const auto results = engine.step(items, kNotCancelled);
    for (size_t i = 0; i < prompts.size(); ++i) outcomes[i].append(results[i]);
  }
  for (size_t i = 0; i < prompts.size(); ++i) CHECK(outcomes[i].same_bits_as(expected[i]));
}

TEST_CASE("a read that fails ends the step with an error; the sequence is as it was and goes on to the same bits") {
  const std::vector<int32_t> tokens = random_tokens(20, 12);
  const TinyFile file(models()[1]);
  const auto whole = file.engine();
  const Outcome expected = run_alone(*whole, tokens);
  EngineOptions options = file.options();
  options.cache.bytes = SlotPlan(whole->model().experts, 2).fewest_bytes();
  std::atomic<bool> broken = false;
  options.reads.before_read = [&](uint32_t, uint64_t) {
    if (broken) throw std::runtime_error("the disk is gone");
  };
  Engine engine(options, LoadControl());
  const int32_t sequence = engine.create_sequence();
  Outcome outcome;
  for (size_t at = 0; at < tokens.size(); at += 5) {
    broken = true;
    CHECK_THROWS_AS(engine.step({ask(sequence, tokens, at, 5)}, kNotCancelled), Error);
    broken = false;
    outcome.append(engine.step({ask(sequence, tokens, at, 5)}, kNotCancelled)[0]);
  }
  CHECK(outcome.same_bits_as(expected));
}
