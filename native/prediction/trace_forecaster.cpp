#include "prediction/trace_forecaster.h"

#include <utility>

namespace moeflow {

TraceForecaster::TraceForecaster(std::shared_ptr<const RoutePredictor> predictor)
    : predictor_(std::move(predictor)),
      forecast_(predictor_->shape()),
      answer_(kRouteHeads * predictor_->shape().outputs()) {}

const StepForecast* TraceForecaster::forecast(const TracedTokens& tokens) {
  forecast_.clear();
  bool any = false;
  for (size_t i = 0; i < tokens.ids.size(); ++i) {
    if (!tokens.generating.empty() && tokens.generating[i] == 0) continue;
    const RouteHistory& history = history_of(tokens.sequences[i]);
    const int32_t id = tokens.ids[i];
    predictor_->predict(history, history.length(), id, history.match(id), scratch_, answer_);
    forecast_.add(answer_);
    any = true;
  }
  return any ? &forecast_ : nullptr;
}

void TraceForecaster::append(const TracedTokens& tokens) {
  const size_t route = predictor_->shape().route();
  for (size_t i = 0; i < tokens.ids.size(); ++i) {
    history_of(tokens.sequences[i]).append(tokens.ids[i], tokens.routes.data() + i * route);
  }
}

RouteHistory& TraceForecaster::history_of(int32_t sequence) {
  return histories_.try_emplace(sequence, predictor_->shape()).first->second;
}

}  // namespace moeflow
