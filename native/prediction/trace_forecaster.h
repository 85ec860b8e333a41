// What a trained predictor would have said before each step of a trace.
#pragma once

#include <map>
#include <memory>

#include "prediction/route_predictor.h"
#include "prediction/step_forecast.h"

namespace moeflow {

// The tokens of a step, whatever sequences they belong to.
struct TracedTokens {
  std::span<const int32_t> ids;         // [token]
  std::span<const int32_t> sequences;   // [token] any numbers
  std::span<const int32_t> routes;      // [token][layers][used], below 0 where it is not known
  std::span<const uint8_t> generating;  // [token] whether it is being generated, not a prompt's; empty: all are
};

class TraceForecaster {
 public:
  explicit TraceForecaster(std::shared_ptr<const RoutePredictor> predictor);

  // From what came before them; null if none of the tokens is being generated. Stays until the next call.
  const StepForecast* forecast(const TracedTokens& tokens);
  // They have been computed.
  void append(const TracedTokens& tokens);
  // Nothing more comes of it.
  void forget(int32_t sequence) { histories_.erase(sequence); }
  void forget_all() { histories_.clear(); }

 private:
  RouteHistory& history_of(int32_t sequence);

  std::shared_ptr<const RoutePredictor> predictor_;
  std::map<int32_t, RouteHistory> histories_;
  StepForecast forecast_;
  RouteScratch scratch_;
  std::vector<float> answer_;  // of one token
};

}  // namespace moeflow
