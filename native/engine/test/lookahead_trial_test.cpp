// How far to look ahead is tried, and the fastest way is taken.
#include "engine/lookahead_trial.h"

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <string>

#include "base/error.h"
#include "engine/foresight.h"

using namespace moeflow;

namespace {

// Runs steps that take as long as the number of layers says; returns how many steps each number was used in.
std::map<int, int> run(LookaheadTrial& trial, int steps, std::map<int, double> seconds, int rows = 1) {
  std::map<int, int> used;
  for (int i = 0; i < steps; ++i) {
    ++used[trial.layers()];
    trial.record(rows, seconds.at(trial.layers()));
  }
  return used;
}

}  // namespace

TEST_CASE("the first candidate is used at first, then all take turns, then the fastest is kept for long") {
  LookaheadTrial trial({1, 0, 2});
  const std::map<int, double> seconds = {{0, 1.0}, {1, 1.1}, {2, 0.9}};
  CHECK(run(trial, 64, seconds) == std::map<int, int>{{1, 64}});
  CHECK(run(trial, 48, seconds) == std::map<int, int>{{0, 16}, {1, 16}, {2, 16}});
  CHECK(run(trial, 1000, seconds) == std::map<int, int>{{2, 1000}});
  CHECK(run(trial, 48, seconds) == std::map<int, int>{{0, 16}, {1, 16}, {2, 16}});
}

TEST_CASE("what has become slower is left at the next trial") {
  LookaheadTrial trial({1, 0});
  run(trial, 64 + 32 + 900, {{0, 1.0}, {1, 0.8}});
  CHECK(trial.layers() == 1);
  run(trial, 100 + 32, {{0, 0.8}, {1, 1.0}});
  CHECK(trial.layers() == 0);
}

TEST_CASE("single slow steps and small differences decide nothing") {
  LookaheadTrial trial({1, 0});
  for (int i = 0; i < 64 + 32; ++i) trial.record(1, i % 13 == 0 ? 50 : (trial.layers() == 1 ? 1.0 : 0.99));
  CHECK(trial.layers() == 1);
}

TEST_CASE("another number of tokens per step begins anew") {
  LookaheadTrial trial({1, 0});
  const std::map<int, double> seconds = {{0, 0.8}, {1, 1.0}};
  run(trial, 200, seconds);
  CHECK(trial.layers() == 0);
  trial.record(4, 1.0);
  CHECK(run(trial, 60, seconds, 4) == std::map<int, int>{{1, 60}});
}

TEST_CASE("ways of fetching ahead have names, and look as far as they say") {
  for (const char* name : {"auto", "gate-ahead", "previous-token", "none"}) {
    CHECK(std::string(prefetch_name(prefetch_named(name))) == name);
  }
  CHECK_THROWS_WITH(prefetch_named("all"), "prefetch must be auto, gate-ahead, previous-token or none, is all");
  CHECK(Foresight(Prefetch::kNone).layers_ahead() == 0);
  CHECK(Foresight(Prefetch::kPreviousToken).layers_ahead() == 0);
  CHECK(Foresight(Prefetch::kPreviousToken).by_previous_token());
  CHECK(Foresight(Prefetch::kGateAhead).layers_ahead() == 1);
  Foresight foresight(Prefetch::kAuto);
  CHECK(foresight.in_effect() == Prefetch::kGateAhead);
  for (int i = 0; i < 64 + 64; ++i) foresight.learn(1, foresight.layers_ahead() > 0 ? 1.0 : 0.5);
  CHECK(foresight.in_effect() == Prefetch::kNone);
}
