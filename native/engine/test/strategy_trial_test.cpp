// Ways to look ahead are tried in turns, and the fastest is taken.
#include "engine/strategy_trial.h"

#include <doctest/doctest.h>

#include <functional>
#include <vector>

using namespace moeflow;

namespace {

using Steps = std::vector<int>;

// Runs steps that take as long as their candidate; returns how many each candidate had.
Steps run(StrategyTrial& trial, int steps, const std::vector<double>& seconds) {
  Steps used(seconds.size());
  for (int i = 0; i < steps; ++i) {
    const size_t candidate = trial.current();
    ++used[candidate];
    trial.record(seconds[candidate]);
  }
  return used;
}

}  // namespace

TEST_CASE("the first candidate is used at first, then all take turns, then the fastest is kept for long") {
  StrategyTrial trial(3);
  const std::vector<double> seconds = {0.94, 0.92, 0.9};
  CHECK(run(trial, 64, seconds) == Steps{64, 0, 0});
  CHECK(trial.step_seconds().empty());
  CHECK(run(trial, 48, seconds) == Steps{16, 16, 16});
  for (size_t i = 0; i < 3; ++i) CHECK(trial.step_seconds()[i] == doctest::Approx(seconds[i]));
  CHECK(trial.best() == 2);
  CHECK(run(trial, 1000, seconds) == Steps{0, 0, 1000});
  CHECK(run(trial, 48, seconds) == Steps{16, 16, 16});
}

TEST_CASE("what has become slower is left at the next trial") {
  StrategyTrial trial(2);
  run(trial, 64 + 32 + 900, {0.8, 1.0});
  CHECK(trial.best() == 0);
  run(trial, 100 + 32, {1.0, 0.8});
  CHECK(trial.best() == 1);
}

TEST_CASE("single slow steps and small differences decide nothing") {
  StrategyTrial trial(2);
  for (int i = 0; i < 64 + 32; ++i) trial.record(i % 13 == 0 ? 50 : (trial.current() == 0 ? 1.0 : 0.99));
  CHECK(trial.trials() == 1);
  CHECK(trial.best() == 0);
}

TEST_CASE("the slower a candidate is, the fewer turns it has, and it may come back in the next trial") {
  StrategyTrial trial(4);
  std::vector<double> seconds = {1.0, 1.3, 1.2, 1.1};
  run(trial, 64, seconds);
  CHECK(run(trial, 36, seconds) == Steps{12, 4, 8, 12});
  CHECK(trial.trials() == 1);
  CHECK(trial.best() == 0);
  CHECK(run(trial, 1000, seconds) == Steps{1000, 0, 0, 0});
  seconds[1] = 0.97;
  CHECK(run(trial, 48, seconds) == Steps{16, 16, 8, 8});
  CHECK(trial.best() == 1);
}

TEST_CASE("a way that spares some steps a long wait is faster, though most steps take as long") {
  StrategyTrial trial(2);
  run(trial, 64, {1.0, 1.0});
  // Without it every third step waits.
  for (int i = 0; i < 32; ++i) trial.record(trial.current() == 0 && i % 3 == 0 ? 1.5 : 1.0);
  CHECK(trial.trials() == 1);
  CHECK(trial.best() == 1);
}

TEST_CASE("one slow step makes nobody leave") {
  StrategyTrial trial(2);
  run(trial, 64, {1.0, 0.9});
  // The third step of the second candidate's first turn, one of the two that count.
  for (int i = 0; i < 24; ++i) trial.record(i == 6 ? 9 : trial.current() == 0 ? 1.0 : 0.9);
  CHECK(trial.trials() == 1);
  CHECK(trial.best() == 1);
}

TEST_CASE("the one in use is dropped too where another is much faster") {
  StrategyTrial trial(2);
  run(trial, 64, {2.0, 1.0});
  // Then only one is left, and nothing to find out.
  CHECK(run(trial, 8, {2.0, 1.0}) == Steps{4, 4});
  CHECK(trial.trials() == 1);
  CHECK(trial.best() == 1);
}

TEST_CASE("trials become rarer as long as they change nothing, up to a bound") {
  StrategyTrial trial(2);
  const std::vector<double> seconds = {1.0, 1.05};
  run(trial, 64, seconds);
  for (const int rest : {1000, 2000, 4000, 8000, 8000}) {
    CHECK(run(trial, 32, seconds) == Steps{16, 16});
    CHECK(run(trial, rest, seconds) == Steps{rest, 0});
  }
  // The choice changes, so that it must prove itself anew.
  const std::vector<double> other = {1.05, 1.0};
  CHECK(run(trial, 32, other) == Steps{16, 16});
  CHECK(run(trial, 1000, other) == Steps{0, 1000});
  CHECK(run(trial, 32, other) == Steps{16, 16});
}

TEST_CASE("trying costs little, and leaves nobody far behind: within 3% of the best candidate in the long run") {
  const std::vector<double> seconds = {1.15, 2.0, 1.1, 1.2, 1.5, 1.0, 1.04, 1.01, 1.05};
  StrategyTrial trial(seconds.size());
  double sum = 0;
  const auto mean_after = [&](int steps) {
    for (int i = 0; i < steps; ++i) {
      sum += seconds[trial.current()];
      trial.record(seconds[trial.current()]);
    }
    return sum / steps;
  };
  // The first choice, which is used at first, is .15 slower here.
  CHECK(mean_after(600) < 1.045);
  sum = 0;
  CHECK(mean_after(4000) < 1.01);
}

TEST_CASE("short steps have longer turns and rests, as one of them says less") {
  StrategyTrial trial(2);
  const std::vector<double> seconds = {0.00096, 0.000958};
  CHECK(run(trial, 64, seconds) == Steps{64, 0});
  // 20 ms are 21 steps; four turns each.
  CHECK(run(trial, 168, seconds) == Steps{84, 84});
  CHECK(trial.trials() == 1);
  CHECK(run(trial, 5250, seconds) == Steps{5250, 0});
  CHECK(run(trial, 168, seconds) == Steps{84, 84});
  StrategyTrial shortest(2);
  run(shortest, 64, {1e-6, 1e-6});
  CHECK(run(shortest, 4 * 2 * 40, {1e-6, 1e-6}) == Steps{160, 160});
}

TEST_CASE("one candidate alone is never tried") {
  StrategyTrial trial(1);
  CHECK(run(trial, 5000, {1.0}) == Steps{5000});
  CHECK(trial.trials() == 0);
}
