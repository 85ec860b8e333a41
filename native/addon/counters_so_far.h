// The counters of a model, written by the thread of its engine and read by JavaScript's at any time.
#pragma once

#include <mutex>

#include "engine/engine.h"

namespace moeflow {

class CountersSoFar {
 public:
  struct Values {
    StepCounters counters;
    Prefetch prefetch = Prefetch::kNone;
  };

  // Takes over the engine's after a step. Returns what has come since the step before; of a step that failed nobody
  // asks that, so what it cost is in the sum alone.
  StepCounters advance(const Engine& engine) {
    const Values values{engine.counters(), engine.prefetch()};
    const std::lock_guard lock(mutex_);
    const StepCounters since = values.counters - values_.counters;
    values_ = values;
    return since;
  }

  Values values() const {
    const std::lock_guard lock(mutex_);
    return values_;
  }

 private:
  mutable std::mutex mutex_;
  Values values_;
};

}  // namespace moeflow
