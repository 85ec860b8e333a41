// What a step is told about the experts that it will need, how far ahead, and whether that pays.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/forecaster.h"
#include "engine/step_item.h"
#include "engine/strategy.h"
#include "engine/strategy_trial.h"
#include "model/config.h"
#include "model/workspace.h"

namespace moeflow {

// [layer] experts, the most probable first.
using PredictedExperts = std::vector<std::vector<int32_t>>;

// Throws Error(kInvalidArgument) for a predictor that is not for this model, or a way to prefetch that lacks one.
void check_prefetch(Prefetch prefetch, const RoutePredictor* predictor, const ModelConfig& config);

// A way that has been tried, and how long a step takes with it.
struct TriedStrategy {
  Strategy strategy;
  double step_seconds = 0;  // typically, in the last trial
};

// What all this has come to.
struct ForesightReport {
  Strategy in_effect;
  std::vector<TriedStrategy> tried;  // empty before the first trial, and where there is nothing to choose
  std::string failure;               // why the predictor is not used any more; empty: it is, or there is none
  GateAheadCounts gate_ahead;
};

// For one step.
struct Outlook {
  int layers_ahead = 0;           // whose routers are asked early
  const PredictedExperts& known;  // what is known of the others, empty for nothing,
  Forecast* forecast = nullptr;   // and what may become known
};

class Foresight {
 public:
  // For steps of at most `most_rows` tokens; larger ones use nearly everything. `predictor` may be null, and remembers
  // the routes of at most `most_tokens`. Throws as check_prefetch and Forecaster.
  Foresight(Prefetch prefetch, std::shared_ptr<const RoutePredictor> predictor, ForecastHook hook,
            const ModelConfig& config, int most_rows, size_t most_tokens);

  // A step begins. What the caller has `predicted`, if anything, goes before what is known here; it must stay.
  Outlook begin(const std::vector<StepItem>& items, const PredictedExperts& predicted);
  // The step under way, whose tokens were all being generated, has taken so long.
  void learn(double seconds);
  // The step has come to its end, with these routes, [rows][expert layers][used]. `sampled`: the tokens that will
  // probably be the next step's, by their sequences.
  void end(const std::vector<StepItem>& items, const int32_t* routes, std::span<const Forecaster::Row> sampled);

  // A new sequence begins with the first `length` tokens of another.
  void share(int32_t from, int32_t sequence, int32_t length);
  void truncate(int32_t sequence, int32_t length);
  void free(int32_t sequence);

  // The way of the step that comes, if it is as large as the last one, and the one that was fastest so far.
  const Strategy& current() const { return strategies_[trial().current()]; }
  const Strategy& in_effect() const { return strategies_[trial().best()]; }
  void report(ForesightReport& into) const;
  ForecastCounters counters() const { return forecaster_ ? forecaster_->counters() : ForecastCounters(); }
  // Null without a predictor.
  const Forecaster* forecaster() const { return forecaster_.get(); }

 private:
  const StrategyTrial& trial() const { return trials_.at(magnitude_); }
  void step_generates(int tokens);
  void choose_among(std::vector<Strategy> strategies);
  const PredictedExperts& previous_tokens_experts(const std::vector<StepItem>& items);

  Prefetch prefetch_;
  int leading_dense_layers_;
  size_t expert_layers_;
  size_t used_;
  size_t most_rows_;
  std::vector<Strategy> strategies_;
  // By the binary magnitude of the number of tokens that a step generates: what is best for one may not be for sixteen.
  std::map<int, StrategyTrial> trials_;
  int magnitude_ = 0;  // of the last step that generated only
  std::vector<TriedStrategy> tried_;
  std::unique_ptr<Forecaster> forecaster_;
  bool asked_forecaster_ = false;  // in the step under way
  bool gave_up_forecasts_ = false;
  bool remembers_routes_ = false;
  std::map<int32_t, std::vector<int32_t>> last_routes_;  // of each sequence's last token, [expert layers][used]
  PredictedExperts previous_;
  std::vector<Forecaster::Row> generated_;
};

}  // namespace moeflow
