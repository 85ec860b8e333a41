// How a memory budget is spent.
#include <doctest/doctest.h>

#include "base/error.h"
#include "engine/test/tier_models.h"

using namespace moeflow;
using namespace moeflow::test;

TEST_CASE("without a budget, a model that fits the free memory is wholly in it, and a larger one gets most of it") {
  const TinyFile file(models()[1]);
  const auto engine = file.engine();
  const auto plan = [&](uint64_t budget, uint64_t free) {
    return plan_memory(engine->model(), engine->kv_layout(), 64, {.workspace = 1 << 20}, budget, free);
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
