// How a memory budget is spent.
#include <doctest/doctest.h>

#include "base/error.h"
#include "engine/test/tier_models.h"
#include "gguf/test/expect_error.h"

using namespace moeflow;
using namespace moeflow::test;
using gguf::test::error_of;

TEST_CASE("without a budget, a model that fits the free memory is wholly in it, and a larger one gets most of it") {
  const TinyFile file(models()[1]);
  const auto engine = file.engine();
  const auto plan = [&](uint64_t budget, uint64_t free) {
    return plan_memory(engine->model(), engine->kv_layout(), {64, 0}, {.workspace = 1 << 20}, budget, free);
  };
  const MemoryPlan whole = plan(0, 0);
  CHECK(whole.all_experts);
  CHECK(whole.budget == 0);
  const uint64_t needed = whole.dense + whole.kv_cache + whole.workspace + whole.experts;
  CHECK(plan(0, 2 * needed).all_experts);
  const MemoryPlan tight = plan(0, needed);
  CHECK_FALSE(tight.all_experts);
  CHECK(tight.chosen);
  CHECK(whole.slots == 8);
  CHECK(tight.slots >= 2);
  CHECK(tight.slots < 8);
  CHECK(tight.budget == tight.process + needed - needed / 16);
  // A budget that was given is what counts, whatever is free.
  CHECK(plan(whole.process + 2 * needed, 1).all_experts);
  CHECK_THROWS_AS(plan(0, 4096), Error);
}

TEST_CASE(
    "the key/value cache has room for one context, for what was asked for, or for as much as memory is left over") {
  const TinyFile file(models()[1]);
  const auto engine = file.engine();
  const uint64_t block = engine->kv_layout().block;
  const auto plan = [&](int64_t tokens, uint64_t budget, uint64_t free) {
    return plan_memory(engine->model(), engine->kv_layout(), {64, tokens}, {.workspace = 1 << 20}, budget, free);
  };
  const MemoryPlan whole = plan(64, 0, 0);
  CHECK(whole.kv_blocks == 4);
  const uint64_t needed = whole.dense + whole.kv_cache + whole.workspace + whole.experts;
  const auto with_budget = [&](int64_t tokens, uint64_t spare) {
    // What the process has already is not the same from one call to the next.
    constexpr uint64_t kLittle = 4 << 20;
    return plan(tokens, plan(tokens, 0, 0).process + needed + spare + kLittle, 0).kv_blocks;
  };
  SUBCASE("sixteen contexts where nothing is known of the machine") { CHECK(plan(0, 0, 0).kv_blocks == 64); }
  SUBCASE("what a budget has left beside the whole model") {
    CHECK(with_budget(0, 64 * block) == 64);
    CHECK(with_budget(0, uint64_t{1} << 30) == 64);
    CHECK(with_budget(40 * 16, uint64_t{1} << 30) == 40);
  }
  SUBCASE("a quarter of what a model without a budget leaves free") {
    const uint64_t free = (needed + 4 * 20 * block) * 16 / 15;
    const uint64_t blocks = plan(0, 0, free).kv_blocks;
    CHECK(blocks >= 4 + 20 - 1);
    CHECK(blocks <= 4 + 20 + 1);
  }
  SUBCASE("one context where not all experts fit") {
    const MemoryPlan tight = plan(0, 0, needed);
    CHECK_FALSE(tight.all_experts);
    CHECK(tight.kv_blocks == 4);
  }
  SUBCASE("what was asked for comes before experts") {
    const MemoryPlan asked = plan(160, 0, needed);
    CHECK(asked.kv_blocks == 10);
    CHECK(asked.kv_cache == 10 * block);
  }
  SUBCASE("less than a context is refused") {
    CHECK_SAYS(error_of(ErrorCode::kInvalidArgument, [&] { plan(63, 0, 0); }),
               "kvCacheTokens must be at least the contextLength, 64, is 63");
  }
}

TEST_CASE("a budget for the whole process becomes slots, and one that is too small names the smallest that works") {
  const TinyFile file(models()[1]);
  EngineOptions options = file.options();
  options.ram = uint64_t{1} << 40;
  CHECK_FALSE(Engine(options, LoadControl()).expert_cache());
  options.ram = 1 << 20;
  std::string message;
  try {
    Engine(options, LoadControl());
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidArgument);
    message = error.what();
  }
  CHECK(message.find("a memory budget of 1 MiB is too small: at least ") == 0);
  CHECK(message.find(" the 2 experts that a token uses in a layer)") != std::string::npos);
}
