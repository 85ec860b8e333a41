// Finds out by trying how many layers to look ahead, now and then again. What is best depends on the model, the text,
// the disk and what else the machine does: a farther look hides a longer read, but more of what it sees does not come
// true, and where the disk is the limit every byte too many costs.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace moeflow {

class LookaheadTrial {
 public:
  // `candidates`: numbers of layers, the one to begin with first.
  explicit LookaheadTrial(std::vector<int> candidates)
      : candidates_(std::move(candidates)), best_(candidates_.front()), seconds_(candidates_.size()) {}

  // For the next step.
  int layers() const;
  // A step with so many generated tokens took so long. Another number of tokens than before begins anew with the first
  // candidate: such steps are not comparable.
  void record(int rows, double seconds);

 private:
  static constexpr int kWarmUp = 64;  // steps before the first trial, in which the cache fills
  static constexpr int kTurn = 4;  // steps of a candidate; the first half does not count, as the one before still shows
  static constexpr int kTurns = 4;  // of each candidate, one after another, so that a change of the disk hits them all
  static constexpr int kRest = 1000;  // steps until the next trial
  // One that is not faster by this is no reason to change.
  static constexpr double kNoise = 0.02;

  // Steps of a trial.
  int length() const { return kTurn * kTurns * static_cast<int>(candidates_.size()); }
  size_t candidate_in_turn() const { return static_cast<size_t>(step_ / kTurn) % candidates_.size(); }
  void decide();

  std::vector<int> candidates_;
  int best_;
  int rows_ = 0;
  int step_ = -kWarmUp;  // of the trial; below 0 it has not begun
  std::vector<std::vector<double>> seconds_;
};

}  // namespace moeflow
