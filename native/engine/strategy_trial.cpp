#include "engine/strategy_trial.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace moeflow {
namespace {

constexpr double kRecentSteps = 16;

// The mean without the slowest eighth, or the slowest one: a step that waits for experts counts in full, as what is
// fetched ahead is to spare it that, but not one in which the machine did something else.
double typical(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t kept = values.size() > 1 ? values.size() - (values.size() + 7) / 8 : values.size();
  return std::accumulate(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(kept), 0.0) /
         static_cast<double>(kept);
}

}  // namespace

StrategyTrial::StrategyTrial(size_t candidates) : seconds_(candidates), dropped_(candidates) {
  for (auto& list : seconds_) list.reserve(kTurns * kMostTurn);
}

void StrategyTrial::record(double seconds) {
  if (seconds_.size() < 2) return;
  recent_ += (seconds - recent_) / (recent_ > 0 ? kRecentSteps : 1);
  if (waiting_ > 0) {
    if (--waiting_ == 0) begin();
    return;
  }
  if (step_ >= turn_steps_ / 2) seconds_[turn_].push_back(seconds);
  if (++step_ == turn_steps_) end_turn();
}

void StrategyTrial::begin() {
  const double steps = std::ceil(kTurnSeconds / std::max(recent_, 1e-9));
  turn_steps_ = static_cast<int>(std::clamp(steps, double{kTurn}, double{kMostTurn}));
  turn_ = 0;
  round_ = 0;
  step_ = 0;
  for (auto& list : seconds_) list.clear();
  std::fill(dropped_.begin(), dropped_.end(), false);
}

// Passes the turn on to the next who is still in.
void StrategyTrial::end_turn() {
  step_ = 0;
  do {
    if (++turn_ < seconds_.size()) continue;
    turn_ = 0;
    if (++round_ < kTurns) drop_hopeless(kHopeless[static_cast<size_t>(round_) - 1]);
    if (round_ == kTurns || std::count(dropped_.begin(), dropped_.end(), false) == 1) {
      decide();
      return;
    }
  } while (dropped_[turn_]);
}

std::vector<double> StrategyTrial::seconds_of_steps() const {
  std::vector<double> seconds;
  for (const auto& list : seconds_) seconds.push_back(typical(list));
  return seconds;
}

void StrategyTrial::drop_hopeless(double slower) {
  const std::vector<double> seconds = seconds_of_steps();
  const double least = *std::min_element(seconds.begin(), seconds.end());
  for (size_t i = 0; i < seconds.size(); ++i) dropped_[i] = dropped_[i] || seconds[i] > least * (1 + slower);
}

void StrategyTrial::decide() {
  step_seconds_ = seconds_of_steps();
  const size_t before = best_;
  double least = step_seconds_[before] * (1 - kNoise);
  for (size_t i = 0; i < step_seconds_.size(); ++i) {
    // One that has been dropped may have been measured at a better time than those that went on.
    if (dropped_[i] || step_seconds_[i] >= least) continue;
    least = step_seconds_[i];
    best_ = i;
  }
  // The first choice of all has nothing to be compared with.
  rest_ = best_ == before && trials_ > 0 ? std::min(2 * rest_, kLongestRest) : kRest;
  waiting_ = rest_ * turn_steps_ / kTurn;
  ++trials_;
}

}  // namespace moeflow
