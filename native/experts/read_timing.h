// What reads cost a simulated cache: a channel that brings one expert after another, demand before what is fetched
// ahead, and a computation that goes through a layer's experts in turn and waits for those that are not there.
#pragma once

#include <deque>
#include <span>
#include <vector>

#include "experts/residency.h"

namespace moeflow {

struct ReadCost {
  double bytes_per_second = 0;
  double seconds_per_expert = 0;  // to compute one, for all tokens of a step together
  bool overlap = true;            // reads go on while experts are computed; else everything waits for everything
};

class ReadTiming {
 public:
  ReadTiming(const ReadCost& cost, int32_t slots) : cost_(cost), arrival_(static_cast<size_t>(slots)) {}

  // An expert of a request's `places` takes `bytes`.
  void request(std::span<const Residency::Place> places, double bytes);
  // For a later layer, sent for when the request was: behind its reads.
  void fetch_ahead(int32_t slot, double bytes);
  // All slots are empty from now on.
  void clear();

  // Since the beginning, and of these, waited for reads.
  double seconds() const { return now_; }
  double stall_seconds() const { return stalled_; }

 private:
  struct Fetch {
    int32_t slot = 0;
    double sent = 0;
    double bytes = 0;
  };

  void begin_fetches(double before);
  bool give_up_fetch(int32_t slot);
  double read(double earliest, double bytes);
  void compute(double earliest);

  ReadCost cost_;
  double now_ = 0;
  double asked_ = 0;  // when the last request came
  double stalled_ = 0;
  double channel_free_ = 0;
  std::deque<Fetch> fetches_;    // sent for ahead, and not begun
  std::vector<double> arrival_;  // [slot]
  std::vector<double> done_;     // [place] of the request under way
};

}  // namespace moeflow
