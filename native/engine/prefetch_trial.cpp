#include "engine/prefetch_trial.h"

#include <algorithm>

namespace moeflow {
namespace {

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

bool PrefetchTrial::on() const { return step_ < kTurn * kTurns ? step_ / kTurn % 2 == 0 : pays_; }

void PrefetchTrial::record(int rows, double seconds) {
  if (rows != rows_) {
    rows_ = rows;
    step_ = 0;
    for (auto& list : seconds_) list.clear();
  }
  if (step_ < kTurn * kTurns && step_ % kTurn >= kTurn / 2) seconds_[on() ? 0 : 1].push_back(seconds);
  ++step_;
  if (step_ == kTurn * kTurns) pays_ = median(seconds_[0]) <= median(seconds_[1]);
  if (step_ < kTurn * kTurns + kRest) return;
  step_ = 0;
  for (auto& list : seconds_) list.clear();
}

}  // namespace moeflow
