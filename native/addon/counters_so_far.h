// The counters of a model, written by the thread of its engine and read by JavaScript's at any time.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>

#include "engine/engine.h"

namespace moeflow {

class CountersSoFar {
 public:
  struct Values {
    StepCounters counters;
    std::optional<ForesightReport> foresight;  // nothing where all experts are in memory
  };

  // Takes over the engine's after a step. Returns what has come since the step before; of a step that failed nobody
  // asks that, so what it cost is in the sum alone.
  StepCounters advance(const Engine& engine) {
    see_sequences(engine);
    const StepCounters counters = engine.counters();
    const std::lock_guard lock(mutex_);
    const StepCounters since = counters - values_.counters;
    values_.counters = counters;
    if (engine.has_expert_cache()) {
      if (!values_.foresight) values_.foresight.emplace();
      engine.report_foresight(*values_.foresight);  // into the same memory, step after step
    }
    return since;
  }

  // After sequences have changed.
  void see_sequences(const Engine& engine) { kv_blocks_in_use_.store(engine.kv_blocks_in_use()); }

  size_t kv_blocks_in_use() const { return kv_blocks_in_use_.load(); }
  Values values() const {
    const std::lock_guard lock(mutex_);
    return values_;
  }

 private:
  mutable std::mutex mutex_;
  Values values_;
  std::atomic<size_t> kv_blocks_in_use_ = 0;
};

}  // namespace moeflow
