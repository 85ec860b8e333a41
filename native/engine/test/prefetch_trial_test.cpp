// Fetching ahead is tried against not doing so, and the faster way is taken.
#include "engine/prefetch_trial.h"

#include <doctest/doctest.h>

#include "engine/foresight.h"
#include "model/workspace.h"

using namespace moeflow;

namespace {

// Runs steps that take so long with and without; returns how many of them fetched ahead.
int run(PrefetchTrial& trial, int steps, double with, double without, int rows = 1) {
  int on = 0;
  for (int i = 0; i < steps; ++i) {
    on += trial.on() ? 1 : 0;
    trial.record(rows, trial.on() ? with : without);
  }
  return on;
}

CacheCounters counters(uint64_t prefetches, uint64_t wasted, uint64_t late) {
  CacheCounters counters;
  counters.prefetches = prefetches;
  counters.wasted_prefetches = wasted;
  counters.late_hits = late;
  return counters;
}

// The depth after some steps of this kind.
int depth_after(Foresight& foresight, int steps, const CacheCounters& each) {
  for (int i = 0; i < steps; ++i) foresight.learn(1, 0.1, {}, each);
  return foresight.layers_ahead();
}

}  // namespace

TEST_CASE("both ways take turns first; then the faster one is kept for long") {
  PrefetchTrial faster;
  CHECK(run(faster, 32, 0.9, 1.0) == 16);
  CHECK(run(faster, 500, 0.9, 1.0) == 500);
  PrefetchTrial slower;
  CHECK(run(slower, 32, 1.1, 1.0) == 16);
  CHECK(run(slower, 500, 1.1, 1.0) == 0);
}

TEST_CASE("what is kept is tried again, as it may have become the slower one") {
  PrefetchTrial trial;
  run(trial, 32, 1.1, 1.0);
  CHECK(run(trial, 3000, 0.9, 1.0) > 1500);
}

TEST_CASE("single slow steps decide nothing") {
  PrefetchTrial trial;
  for (int i = 0; i < 32; ++i) trial.record(1, i % 13 == 0 ? 50 : (trial.on() ? 0.9 : 1.0));
  CHECK(run(trial, 100, 0.9, 1.0) == 100);
}

TEST_CASE("another number of tokens per step begins anew") {
  PrefetchTrial trial;
  run(trial, 32, 1.1, 1.0);
  CHECK_FALSE(trial.on());
  trial.record(4, 1.0);
  CHECK(run(trial, 32, 1.1, 1.0, 4) > 0);
}

TEST_CASE("routers are asked further ahead while experts come late, and less far when many come in vain") {
  const ModelConfig config;
  Foresight foresight(Prefetch::kGateAhead, config);
  CHECK(foresight.layers_ahead() == 1);
  CHECK(depth_after(foresight, 8, counters(100, 0, 50)) == 2);
  CHECK(depth_after(foresight, 8, counters(100, 0, 5)) == 2);
  CHECK(depth_after(foresight, 8, counters(100, 10, 50)) == 3);
  CHECK(depth_after(foresight, 8, counters(100, 40, 50)) == 2);
  CHECK(depth_after(foresight, 400, counters(100, 0, 50)) == kMostLayersAhead);
  CHECK(depth_after(foresight, 400, counters(100, 90, 0)) == 1);
}

TEST_CASE("ways of fetching ahead have names") {
  for (const char* name : {"auto", "gate-ahead", "previous-token", "none"}) {
    CHECK(std::string(prefetch_name(prefetch_named(name))) == name);
  }
  CHECK_THROWS_WITH(prefetch_named("all"), "prefetch must be auto, gate-ahead, previous-token or none, is all");
  const ModelConfig config;
  CHECK(Foresight(Prefetch::kNone, config).layers_ahead() == 0);
  CHECK(Foresight(Prefetch::kPreviousToken, config).layers_ahead() == 0);
  CHECK(Foresight(Prefetch::kPreviousToken, config).by_previous_token());
}
