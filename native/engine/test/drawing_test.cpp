// What can be asked of the token that a step draws.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/test/engine_runs.h"

using namespace moeflow;
using namespace moeflow::test;

TEST_CASE("only tokens that are allowed are drawn: the most likely of them, or any of them") {
  const TinyFile file{TinyOptions()};
  const auto engine = file.engine();
  const std::vector<int32_t> tokens = random_tokens(20, 1);
  const Outcome outcome = run_alone(*engine, tokens);
  const std::span<const float> logits = std::span(outcome.logits).last(kVocabulary);
  const std::vector<int32_t> some = {3, 8, 21, 47};
  const int32_t best = *std::max_element(some.begin(), some.end(), [&](int32_t a, int32_t b) {
    return logits[static_cast<size_t>(a)] < logits[static_cast<size_t>(b)];
  });
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const int32_t sequence = engine->create_sequence();
    StepItem item = ask(sequence, tokens);
    item.sample.emplace();
    item.sample->seed = seed;
    item.sample->temperature = seed == 0 ? 0.0F : 3.0F;
    item.allowed.assign((kVocabulary + 7) / 8, 0);
    for (const int32_t token : some)
      item.allowed[static_cast<size_t>(token / 8)] |= static_cast<uint8_t>(1 << token % 8);
    const int32_t drawn = engine->step({item}, kNotCancelled)[0].token;
    CHECK(std::find(some.begin(), some.end(), drawn) != some.end());
    if (seed == 0) CHECK(drawn == best);
    engine->free_sequence(sequence);
  }
}

TEST_CASE("the log probabilities of a drawn token and of the likeliest ones are the model's own") {
  const TinyFile file{TinyOptions()};
  const auto engine = file.engine();
  const std::vector<int32_t> tokens = random_tokens(20, 1);
  const Outcome outcome = run_alone(*engine, tokens);
  const std::span<const float> logits = std::span(outcome.logits).last(kVocabulary);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  const auto expected = [&](int32_t token) {
    return doctest::Approx(static_cast<double>(logits[static_cast<size_t>(token)]) - std::log(sum)).epsilon(1e-4);
  };
  StepItem item = ask(engine->create_sequence(), tokens);
  item.logits_from = -1;
  item.sample.emplace();
  item.sample->temperature = 2;
  item.sample->repeat_penalty = 1.5F;
  item.sample->seed = 4;
  item.allowed.assign((kVocabulary + 7) / 8, 0x55);
  item.likely = 3;
  const StepItemResult result = engine->step({item}, kNotCancelled)[0];
  REQUIRE(result.log_probabilities.size() == 4);
  CHECK(result.log_probabilities[0].token == result.token);
  for (const TokenLogProbability& likely : result.log_probabilities) CHECK(likely.value == expected(likely.token));
  CHECK(result.log_probabilities[1].value >= result.log_probabilities[2].value);
  CHECK(result.log_probabilities[2].value >= result.log_probabilities[3].value);
}
