#include "engine/lookahead_trial.h"

#include <algorithm>

namespace moeflow {
namespace {

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

int LookaheadTrial::layers() const { return step_ >= 0 && step_ < length() ? candidates_[candidate_in_turn()] : best_; }

void LookaheadTrial::record(int rows, double seconds) {
  if (candidates_.size() < 2) return;
  if (rows != rows_) {
    rows_ = rows;
    best_ = candidates_.front();
    step_ = -kWarmUp;
  }
  if (step_ == 0) {
    for (auto& list : seconds_) list.clear();
  }
  if (step_ >= 0 && step_ < length() && step_ % kTurn >= kTurn / 2) seconds_[candidate_in_turn()].push_back(seconds);
  ++step_;
  if (step_ == length()) decide();
  if (step_ == length() + kRest) step_ = 0;
}

void LookaheadTrial::decide() {
  const auto current = std::find(candidates_.begin(), candidates_.end(), best_) - candidates_.begin();
  double least = median(seconds_[static_cast<size_t>(current)]) * (1 - kNoise);
  for (size_t i = 0; i < candidates_.size(); ++i) {
    const double time = median(seconds_[i]);
    if (time >= least) continue;
    least = time;
    best_ = candidates_[i];
  }
}

}  // namespace moeflow
