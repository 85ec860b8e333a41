// Sequences that share the key/value cache of what their tokens begin with.
#include <doctest/doctest.h>

#include "engine/test/engine_runs.h"
#include "gguf/test/expect_error.h"

using namespace moeflow;
using namespace moeflow::test;
using gguf::test::error_of;

namespace {

std::vector<int32_t> joined(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  std::vector<int32_t> all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

// What a sequence gives that goes on with `rest` after `before`, which it has from elsewhere.
void check_goes_on(Engine& engine, int32_t sequence, const std::vector<int32_t>& before,
                   const std::vector<int32_t>& rest) {
  const TinyFile file{TinyOptions()};
  const auto undisturbed = file.engine();
  const Outcome expected = run_alone(*undisturbed, joined(before, rest));
  const Outcome found = feed(engine, sequence, rest);
  CHECK(same_bits(found.logits, std::span(expected.logits).subspan(before.size() * kVocabulary)));
  CHECK(found.distinct_experts == expected.distinct_experts);
}

std::vector<int32_t> first_of(const std::vector<int32_t>& tokens, size_t count) {
  return {tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

TEST_CASE("sequences that share a beginning go on as if each had read it alone") {
  const TinyFile file{TinyOptions()};
  const auto engine = file.engine(2, 64);
  const std::vector<int32_t> beginning = random_tokens(40, 1);
  const std::vector<int32_t> one = random_tokens(25, 2), two = random_tokens(30, 3), three = random_tokens(3, 4);
  const int32_t a = engine->create_sequence();
  feed(*engine, a, beginning);
  CHECK(engine->kv_blocks_in_use() == 3);
  const int32_t b = engine->share_sequence(a, 32);
  const int32_t c = engine->share_sequence(b, 16);
  CHECK(engine->kv_blocks_in_use() == 3);

  SUBCASE("the first one first") {
    check_goes_on(*engine, a, beginning, one);
    check_goes_on(*engine, b, first_of(beginning, 32), two);
    check_goes_on(*engine, c, first_of(beginning, 16), three);
    CHECK(engine->kv_blocks_in_use() == 2 + 3 + 2 + 1);
  }
  SUBCASE("when the first one has gone") {
    engine->free_sequence(a);
    CHECK(engine->kv_blocks_in_use() == 2);
    check_goes_on(*engine, c, first_of(beginning, 16), three);
    check_goes_on(*engine, b, first_of(beginning, 32), two);
    feed(*engine, engine->create_sequence(), one);
  }
  SUBCASE("when the first one is cut within what they share and goes on differently") {
    engine->truncate_sequence(a, 5);
    const Outcome expected = run_alone(*file.engine(), joined(first_of(beginning, 5), one));
    const Outcome found = feed(*engine, a, one);
    CHECK(same_bits(found.logits, std::span(expected.logits).subspan(5 * kVocabulary)));
    check_goes_on(*engine, b, first_of(beginning, 32), two);
    check_goes_on(*engine, c, first_of(beginning, 16), three);
  }
}

TEST_CASE("what can be shared are whole blocks of the tokens that are there, none included") {
  const TinyFile file{TinyOptions()};
  const auto engine = file.engine(1, 64);
  const int32_t a = engine->create_sequence();
  feed(*engine, a, random_tokens(40, 1));
  for (const int32_t length : {48, 33, 8, -16}) {
    CHECK_SAYS(error_of(ErrorCode::kInvalidArgument, [&] { engine->share_sequence(a, length); }),
               "of the 40 tokens of sequence 0 whole blocks of 16 can be shared");
  }
  error_of(ErrorCode::kInvalidArgument, [&] { engine->share_sequence(7, 0); });
  check_goes_on(*engine, engine->share_sequence(a, 0), {}, random_tokens(5, 2));
}

TEST_CASE("a step for which the key/value cache has no room fails and changes nothing, until a sequence has gone") {
  const TinyFile file{TinyOptions()};
  EngineOptions options = file.options();
  options.kv_cache_tokens = kContext;
  Engine engine(options, LoadControl());
  CHECK(engine.kv_blocks() == kContext / 16);
  const std::vector<int32_t> beginning = random_tokens(20, 1), rest = random_tokens(40, 2);
  const int32_t a = engine.create_sequence(), b = engine.create_sequence();
  feed(engine, a, beginning);
  feed(engine, b, random_tokens(90, 3));
  CHECK(engine.kv_blocks_in_use() == 2 + 6);
  CHECK_SAYS(error_of(ErrorCode::kKvCacheFull,
                      [&] {
                        engine.step({ask(b, {1}), ask(a, rest)}, kNotCancelled);
                      }),
             "all 8 blocks of the key/value cache are in use");
  engine.free_sequence(b);
  check_goes_on(engine, a, beginning, rest);
}
