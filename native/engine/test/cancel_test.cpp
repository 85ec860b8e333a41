// A step that is cancelled, before it begins or from another thread at any moment, leaves the sequences as they were.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "engine/test/engine_runs.h"
#include "gguf/test/expect_error.h"

using namespace moeflow;
using namespace moeflow::test;
using gguf::test::error_of;

TEST_CASE("a step whose flag is set before it begins does nothing") {
  const TinyFile file{TinyOptions()};
  const auto engine = file.engine(2);
  const std::vector<int32_t> tokens = random_tokens(20, 1);
  const Outcome expected = run_alone(*engine, tokens);
  const int32_t sequence = engine->create_sequence();
  const std::atomic<bool> cancelled = true;
  CHECK_SAYS(error_of(ErrorCode::kCancelled, [&] { engine->step({ask(sequence, tokens)}, cancelled); }), "cancelled");
  CHECK(feed(*engine, sequence, tokens).same_bits_as(expected));
  engine->free_sequence(sequence);
  CHECK(engine->kv_blocks_in_use() == 0);
}

TEST_CASE("a step cancelled half way from another thread can be made again, with the same bits") {
  TinyOptions options;
  options.q8_0 = true;
  const TinyFile file(options);
  const auto engine = file.engine(3);
  const std::vector<int32_t> start = random_tokens(21, 1);
  const std::vector<int32_t> rest = random_tokens(100, 2);
  const std::vector<int32_t> other = random_tokens(60, 3);
  std::vector<int32_t> whole = start;
  whole.insert(whole.end(), rest.begin(), rest.end());
  const Outcome expected = run_alone(*engine, whole);
  const Outcome expected_other = run_alone(*engine, other);

  const int32_t a = engine->create_sequence();
  const int32_t b = engine->create_sequence();
  feed(*engine, a, start);
  int cancelled_steps = 0;
  int finished_steps = 0;
  for (int64_t delay = 0; delay < 4000000 && finished_steps < 3; delay += 20 + delay / 4) {
    std::atomic<bool> cancelled = false;
    std::atomic<bool> ready = false;
    std::thread canceller([&] {
      ready = true;
      const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(delay);
      while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
      cancelled = true;
    });
    while (!ready) std::this_thread::yield();
    try {
      const auto results = engine->step({ask(a, rest), ask(b, other)}, cancelled);
      ++finished_steps;
      CHECK(same_bits(results[0].logits, std::span(expected.logits).subspan(start.size() * kVocabulary)));
      CHECK(same_bits(results[1].logits, expected_other.logits));
      CHECK(results[0].distinct_experts == expected.distinct_experts);
      engine->truncate_sequence(a, static_cast<int32_t>(start.size()));
      engine->truncate_sequence(b, 0);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kCancelled);
      ++cancelled_steps;
    }
    canceller.join();
  }
  CHECK(cancelled_steps > 0);
  CHECK(finished_steps > 0);
  const auto results = engine->step({ask(b, other), ask(a, rest)}, kNotCancelled);
  CHECK(same_bits(results[0].logits, expected_other.logits));
  CHECK(same_bits(results[1].logits, std::span(expected.logits).subspan(start.size() * kVocabulary)));
  engine->free_sequence(a);
  engine->free_sequence(b);
  CHECK(engine->kv_blocks_in_use() == 0);
}
