// What a step is told about the experts that it will need, how far ahead, and whether that pays.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/lookahead_trial.h"

namespace moeflow {

enum class Prefetch {
  kAuto,           // gate-ahead, or none where that is faster
  kGateAhead,      // the next layers' routers, asked early, as many as makes generating fastest
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
  explicit Foresight(Prefetch mode);

  // Of the step that comes: how many layers' routers to ask early, and whether to go by previous tokens.
  int layers_ahead() const { return trial_.layers(); }
  bool by_previous_token() const { return mode_ == Prefetch::kPreviousToken; }
  // What that is called: kAuto is never said.
  Prefetch in_effect() const;

  // A step of `rows` tokens that were all being generated took so long.
  void learn(int rows, double seconds) { trial_.record(rows, seconds); }

 private:
  Prefetch mode_;
  LookaheadTrial trial_;
};

}  // namespace moeflow
