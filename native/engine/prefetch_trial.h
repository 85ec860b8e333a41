// Finds out by trying whether fetching ahead makes generating faster, now and then again: it depends on the model, the
// text, the disk and what else the machine does.
#pragma once

#include <vector>

namespace moeflow {

class PrefetchTrial {
 public:
  // Whether to fetch ahead in the next step.
  bool on() const;
  // The step with so many generated tokens took so long. Steps with another number of tokens than those before begin a
  // new trial: they are not comparable.
  void record(int rows, double seconds);

 private:
  // Both ways take turns, so that a disk that changes its speed meanwhile does so for both.
  static constexpr int kTurn = 4;   // steps
  static constexpr int kTurns = 8;  // of a trial; the first half of each is not counted, as the way before still shows
  static constexpr int kRest = 1000;  // steps until the next trial

  int step_ = 0;
  int rows_ = 0;
  bool pays_ = true;
  std::vector<double> seconds_[2];  // with, without
};

}  // namespace moeflow
