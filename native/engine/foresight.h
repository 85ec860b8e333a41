// What a step is told about the experts that it will need, how far ahead, and whether that pays.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/prefetch_trial.h"
#include "experts/cache.h"
#include "model/config.h"

namespace moeflow {

enum class Prefetch {
  kAuto,           // gate-ahead as long as it makes generating faster
  kGateAhead,      // the next layers' routers, asked early
  kPreviousToken,  // what the sequence's previous token used
  kNone,
};

// "auto", "gate-ahead", "previous-token", "none"; the other way throws Error(kInvalidArgument) naming them.
const char* prefetch_name(Prefetch prefetch);
Prefetch prefetch_named(const std::string& name);

// [layer] experts, the most probable first.
using PredictedExperts = std::vector<std::vector<int32_t>>;

class Foresight {
 public:
  Foresight(Prefetch mode, const ModelConfig& config) : mode_(mode), config_(config) {}

  // Of the step that comes: how many layers' routers to ask early, and whether to go by previous tokens.
  int layers_ahead() const;
  bool by_previous_token() const { return mode_ == Prefetch::kPreviousToken; }

  // What is done now: kAuto is never said.
  Prefetch in_effect() const {
    return mode_ == Prefetch::kAuto ? (trial_.on() ? Prefetch::kGateAhead : Prefetch::kNone) : mode_;
  }

  // A step of `rows` tokens that were all being generated took so long, with these counters before and after it.
  void learn(int rows, double seconds, const CacheCounters& before, const CacheCounters& after);

 private:
  Prefetch mode_;
  const ModelConfig& config_;
  PrefetchTrial trial_;
  int depth_ = 1;
  int steps_ = 0;  // since the depth was looked at
  CacheCounters window_;
};

}  // namespace moeflow
