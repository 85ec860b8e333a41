#include "engine/foresight.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/error.h"

namespace moeflow {

using Source = Strategy::Source;

void check_prefetch(Prefetch prefetch, const RoutePredictor* predictor, const ModelConfig& config) {
  if (!predictor) {
    if (prefetch != Prefetch::kRoutePath && prefetch != Prefetch::kBlend) return;
    fail(ErrorCode::kInvalidArgument, "prefetch ", prefetch_name(prefetch),
         " needs a predictor that was trained for this model; give one, or choose another way to prefetch");
  }
  const RouteShape& shape = predictor->shape();
  const int layers = config.layers - config.leading_dense_layers;
  const RouterConfig& router = config.router;
  if (shape.layers == layers && shape.experts == router.experts && shape.used == router.used) return;
  fail(ErrorCode::kInvalidArgument, "the predictor is for ", shape.layers, " layers of ", shape.experts,
       " experts, of which a token uses ", shape.used, "; the model has ", layers, " layers of ", router.experts,
       ", of which it uses ", router.used);
}

Foresight::Foresight(Prefetch prefetch, std::shared_ptr<const RoutePredictor> predictor, ForecastHook hook,
                     const ModelConfig& config, int most_rows, size_t most_tokens)
    : prefetch_(prefetch),
      leading_dense_layers_(config.leading_dense_layers),
      expert_layers_(static_cast<size_t>(config.layers - config.leading_dense_layers)),
      used_(static_cast<size_t>(config.router.used)),
      most_rows_(static_cast<size_t>(most_rows)),
      previous_(static_cast<size_t>(config.layers)) {
  check_prefetch(prefetch, predictor.get(), config);
  choose_among(strategies(prefetch, predictor != nullptr));
  const auto goes_by = [&](Source source) {
    return std::any_of(strategies_.begin(), strategies_.end(), [&](const Strategy& s) { return s.source == source; });
  };
  remembers_routes_ = goes_by(Source::kPreviousToken);
  if (!goes_by(Source::kRoutePath)) return;
  forecaster_ = std::make_unique<Forecaster>(std::move(predictor), leading_dense_layers_, std::move(hook), most_tokens);
}

void Foresight::choose_among(std::vector<Strategy> strategies) {
  strategies_ = std::move(strategies);
  trials_.clear();
  step_generates(1);
}

void Foresight::step_generates(int tokens) {
  magnitude_ = std::bit_width(static_cast<unsigned>(tokens));
  trials_.try_emplace(magnitude_, strategies_.size());
}

Outlook Foresight::begin(const std::vector<StepItem>& items, const PredictedExperts& predicted) {
  if (forecaster_ && forecaster_->failed() && !gave_up_forecasts_) {
    gave_up_forecasts_ = true;
    choose_among(strategies(prefetch_, false));
  }
  asked_forecaster_ = false;
  const bool generates_only =
      std::all_of(items.begin(), items.end(), [](const StepItem& item) { return item.tokens.size() == 1; });
  if (generates_only) step_generates(static_cast<int>(items.size()));
  const Strategy& strategy = current();
  Outlook outlook{strategy.layers_ahead, predicted, nullptr};
  if (!predicted.empty() || strategy.source == Source::kNone) return outlook;
  if (strategy.source == Source::kPreviousToken) {
    return {strategy.layers_ahead, previous_tokens_experts(items), nullptr};
  }
  size_t rows = 0;
  generated_.clear();
  for (const StepItem& item : items) {
    rows += item.tokens.size();
    if (item.tokens.size() == 1) generated_.push_back({item.sequence, item.tokens[0]});
  }
  if (!generated_.empty() && rows <= most_rows_) {
    asked_forecaster_ = true;
    outlook.forecast = forecaster_->begin(generated_, strategy.least_probability);
  }
  return outlook;
}

// Every sequence's first choice, then every sequence's second.
const PredictedExperts& Foresight::previous_tokens_experts(const std::vector<StepItem>& items) {
  for (size_t layer = 0; layer < expert_layers_; ++layer) {
    std::vector<int32_t>& experts = previous_[static_cast<size_t>(leading_dense_layers_) + layer];
    experts.clear();
    for (size_t k = 0; k < used_; ++k) {
      for (const StepItem& item : items) {
        const auto found = last_routes_.find(item.sequence);
        if (found == last_routes_.end()) continue;
        const int32_t expert = found->second[layer * used_ + k];
        if (std::find(experts.begin(), experts.end(), expert) == experts.end()) experts.push_back(expert);
      }
    }
  }
  return previous_;
}

void Foresight::learn(double seconds) {
  StrategyTrial& trial = trials_.at(magnitude_);
  const size_t before = trial.trials();
  trial.record(seconds);
  if (trial.trials() == before) return;
  tried_.clear();
  for (size_t i = 0; i < strategies_.size(); ++i) tried_.push_back({strategies_[i], trial.step_seconds()[i]});
}

void Foresight::end(const std::vector<StepItem>& items, const int32_t* routes,
                    std::span<const Forecaster::Row> sampled) {
  if (asked_forecaster_) forecaster_->end();
  const size_t route = expert_layers_ * used_;
  for (const StepItem& item : items) {
    if (forecaster_) forecaster_->append(item.sequence, item.tokens, routes);
    routes += item.tokens.size() * route;
    if (remembers_routes_) last_routes_[item.sequence].assign(routes - route, routes);
  }
  const Strategy& next = current();
  if (next.source == Source::kRoutePath && !sampled.empty() && sampled.size() <= most_rows_) {
    forecaster_->prepare(sampled, next.least_probability);
  }
}

void Foresight::share(int32_t from, int32_t sequence, int32_t length) {
  if (forecaster_) forecaster_->share(from, sequence, static_cast<size_t>(length));
}

void Foresight::truncate(int32_t sequence, int32_t length) {
  if (forecaster_) forecaster_->truncate(sequence, static_cast<size_t>(length));
}

void Foresight::free(int32_t sequence) {
  last_routes_.erase(sequence);
  if (forecaster_) forecaster_->free(sequence);
}

void Foresight::report(ForesightReport& into) const {
  into.in_effect = in_effect();
  into.tried = tried_;
  into.failure = forecaster_ ? forecaster_->failure() : std::string();
}

}  // namespace moeflow
