// Finds out by trying which way to look ahead is fastest, now and then again. What is best depends on the model, the
// text, the disk and what else the machine does: a farther look hides a longer read, but more of what it sees does not
// come true, and where the disk is the limit every byte too many costs.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace moeflow {

class StrategyTrial {
 public:
  // Among so many; the first is the one to begin with.
  explicit StrategyTrial(size_t candidates);

  // The candidate for the next step.
  size_t current() const { return trying() ? turn_ : best_; }
  // The one that was fastest so far.
  size_t best() const { return best_; }
  // A step took so long. Steps must be comparable.
  void record(double seconds);

  // How many trials have come to an end, and what a step took in the last one, the slowest aside.
  size_t trials() const { return trials_; }
  const std::vector<double>& step_seconds() const { return step_seconds_; }  // [candidate]; empty before the first

 private:
  static constexpr int kWarmUp = 64;  // steps before the first trial, in which the cache fills
  // Steps of a candidate; the first half does not count, as the one before still shows. The shorter steps are, the less
  // one of them says: a turn takes so many seconds, or more steps than the most.
  static constexpr int kTurn = 4;
  static constexpr double kTurnSeconds = 0.02;
  static constexpr int kMostTurn = 40;
  static constexpr int kTurns = 4;  // of each candidate, one after another, so that a change of the disk hits them all
  // Steps until the next trial; twice as many whenever one changes nothing, and as many times more as its turns are
  // longer.
  static constexpr int kRest = 1000;
  static constexpr int kLongestRest = 8000;
  // One that is not faster by this is no reason to change.
  static constexpr double kNoise = 0.02;
  // One that is slower by this after its first, second and third turn has no more, so that trying costs little. Few
  // steps say little; but who is left out by mistake comes again in the next trial.
  static constexpr std::array<double, kTurns - 1> kHopeless = {0.25, 0.12, 0.06};

  bool trying() const { return waiting_ == 0; }
  void begin();
  void end_turn();
  std::vector<double> seconds_of_steps() const;  // [candidate] so far in this trial
  void drop_hopeless(double slower);
  void decide();

  size_t best_ = 0;
  int rest_ = kRest;
  int waiting_ = kWarmUp;  // steps until the next trial; 0: it is under way
  double recent_ = 0;      // seconds of a step, a fading mean
  size_t trials_ = 0;
  std::vector<double> step_seconds_;
  // The trial under way.
  int turn_steps_ = kTurn;
  size_t turn_ = 0;  // whose it is
  int round_ = 0;    // turns that everybody has had
  int step_ = 0;     // of the turn
  std::vector<std::vector<double>> seconds_;
  std::vector<bool> dropped_;
};

}  // namespace moeflow
