#include "experts/simulator.h"

#include <algorithm>

#include "base/error.h"
#include "experts/cache_run.h"
#include "experts/held_requests.h"

namespace moeflow {
namespace {

void check_slots(const ExpertGrid& grid, const SlotClasses& slots) {
  if (slots.of_layer.size() != static_cast<size_t>(grid.layers)) {
    fail(ErrorCode::kInvalidArgument, "there are classes of slots for ", slots.of_layer.size(), " layers of ",
         grid.layers);
  }
  for (const int32_t c : slots.of_layer) {
    const bool known = c >= 0 && c < std::ssize(slots.slots);
    const int32_t count = known ? slots.slots[static_cast<size_t>(c)] : 0;
    if (count >= grid.used) continue;
    fail(ErrorCode::kInvalidArgument, count, " slots are too few: a token uses ", grid.used, " experts of a layer");
  }
}

RouteShape shape_of(const ExpertGrid& grid) { return {grid.layers, grid.per_layer, grid.used}; }

void check_predictor(const SimulatorOptions& options) {
  if (options.prediction) {
    fail(ErrorCode::kInvalidArgument, "predictions are either made up or a trained predictor's, not both");
  }
  const RouteShape& shape = options.trained->predictor->shape();
  const RouteShape routes = shape_of(options.grid);
  if (shape == routes) return;
  fail(ErrorCode::kInvalidArgument, "the predictor is for ", describe(shape), ", and the trace has ", describe(routes));
}

// The next `count` tokens of the steps.
TracedTokens traced(const RouteSteps& steps, size_t first, size_t count, size_t route) {
  if (steps.ids.empty()) return {};
  return {steps.ids.subspan(first, count), steps.sequences.subspan(first, count),
          steps.routes.subspan(first * route, count * route),
          steps.generating.empty() ? steps.generating : steps.generating.subspan(first, count)};
}

// Before each layer's request, `fetch_ahead` of it and of those after it, by their places in the step, as long as there
// is room: there may be more than before the last one.
template <typename FetchAhead>
void run_step(CacheRun& run, std::span<const LayerRequest> requests, FetchAhead&& fetch_ahead) {
  for (size_t i = 0; i < requests.size(); ++i) {
    for (size_t later = i; later < requests.size() && fetch_ahead(later); ++later) {
    }
    run.request(requests[i]);
  }
}

}  // namespace

CacheSimulator::CacheSimulator(SimulatorOptions options)
    : options_((check_grid(options.grid), std::move(options))),
      requests_(options_.grid, options_.order),
      foreseen_(shape_of(options_.grid), 0) {
  for (const SimulatedCache& cache : options_.caches) {
    check_slots(options_.grid, cache.slots);
    CacheRun& run = *runs_.emplace_back(std::make_unique<CacheRun>(options_, cache));
    if (run.knows_future()) {
      if (!held_) held_ = std::make_unique<HeldRequests>();
    } else {
      run.begin(nullptr);
      online_.push_back(&run);
    }
  }
  if (options_.prediction && !online_.empty()) oracle_.emplace(options_.grid, *options_.prediction);
  if (!options_.trained) return;
  check_predictor(options_);
  forecaster_.emplace(options_.trained->predictor);
}

CacheSimulator::~CacheSimulator() = default;

void CacheSimulator::push(const RouteSteps& steps) {
  check_steps(options_.grid, steps, tokens_[kDecode] + tokens_[kPrefill]);
  if (forecaster_ && !steps.routes.empty() && (steps.ids.empty() || steps.sequences.empty())) {
    fail(ErrorCode::kInvalidArgument, "a trained predictor needs the tokens' ids and sequences");
  }
  const size_t row = static_cast<size_t>(options_.grid.layers) * static_cast<size_t>(options_.grid.used);
  const size_t tokens = steps.routes.size() / row;
  for (size_t step = 0, token = 0; token < tokens; ++step) {
    const auto count = steps.step_tokens.empty() ? size_t{1} : static_cast<size_t>(steps.step_tokens[step]);
    check_cancelled();
    const auto requests = requests_.of(steps, token, count);
    if (oracle_) {
      if (held_) held_->add(requests, foreseen_.probable);
      Step next{{requests.begin(), requests.end()}, {}};
      for (const LayerRequest& request : requests) next.predicted.push_back(oracle_->predict(request));
      run_pending(&next);
      pending_ = std::move(next);
    } else {
      run_online(requests, traced(steps, token, count, row));
      for (size_t i = token; forecaster_ && i < token + count && !steps.last.empty(); ++i) {
        if (steps.last[i] != 0) forecaster_->forget(steps.sequences[i]);
      }
    }
    token += count;
  }
  const size_t decoded = steps.generating.empty()
                             ? tokens
                             : static_cast<size_t>(std::count_if(steps.generating.begin(), steps.generating.end(),
                                                                 [](uint8_t generating) { return generating != 0; }));
  tokens_[kDecode] += decoded;
  tokens_[kPrefill] += tokens - decoded;
}

void CacheSimulator::run_online(std::span<const LayerRequest> requests, const TracedTokens& tokens) {
  const bool foreseen = forecaster_ && foresee(tokens);
  for (CacheRun* run : online_) {
    for (int32_t layer = 0; foreseen && layer < options_.grid.layers; ++layer) {
      const auto l = static_cast<size_t>(layer);
      run->foresee(layer, foreseen_.probabilities[l], foreseen_.later[l]);
    }
    run_step(*run, requests, [&](size_t layer) {
      return foreseen && run->fetch_ahead(static_cast<int32_t>(layer), foreseen_.probable[layer], false);
    });
  }
  if (held_) held_->add(requests, foreseen_.probable);
  if (forecaster_) forecaster_->append(tokens);
}

// What is known of a step when it begins.
bool CacheSimulator::foresee(const TracedTokens& tokens) {
  const StepForecast* forecast = forecaster_->forecast(tokens);
  if (forecast) {
    forecast->write(options_.trained->least_probability, foreseen_);
  } else {
    for (auto& experts : foreseen_.probable) experts.clear();
  }
  return forecast != nullptr;
}

// After each layer's request come the predictions for the next ones, as an engine would have them then.
void CacheSimulator::run_pending(const Step* next) {
  if (!pending_) return;
  const auto layers = static_cast<size_t>(options_.grid.layers);
  for (size_t layer = 0; layer < layers; ++layer) {
    check_cancelled();
    for (CacheRun* run : online_) {
      run->request(pending_->requests[layer]);
      for (size_t ahead = 1; ahead <= static_cast<size_t>(options_.prediction->layers_ahead); ++ahead) {
        const size_t target = layer + ahead;
        const Step* step = target < layers ? &*pending_ : next;
        if (!step) break;
        const LayerRequest& expected = step->requests[target % layers];
        run->expect(expected.layer, step->predicted[target % layers], expected.generating == 0);
      }
    }
  }
  pending_.reset();
}

void CacheSimulator::empty_caches() {
  run_pending(nullptr);
  run_future();
  for (CacheRun* run : online_) {
    run->end();
    run->begin(nullptr);
  }
  if (forecaster_) forecaster_->forget_all();
}

SimulatorResult CacheSimulator::finish() {
  run_pending(nullptr);
  run_future();
  SimulatorResult result{tokens_, {}};
  for (CacheRun* run : online_) run->end();
  for (const auto& run : runs_) result.caches.push_back(run->counts());
  return result;
}

void CacheSimulator::check_cancelled() const {
  if (!options_.cancelled || !options_.cancelled->load(std::memory_order_relaxed)) return;
  fail(ErrorCode::kCancelled, "the simulation was cancelled");
}

// Lets Belady's optimum go through what has been held for it.
void CacheSimulator::run_future() {
  if (!held_ || held_->requests.empty()) return;
  const bool one_by_one = options_.order != AccessOrder::kEngine;
  const auto uses = std::make_shared<const FutureUses>(held_->uses(options_.grid, one_by_one));
  for (const auto& run : runs_) {
    if (!run->knows_future()) continue;
    run->begin(uses);
    held_->for_each_step([&](std::span<const LayerRequest> requests, std::span<const std::vector<int32_t>> probable) {
      check_cancelled();
      run_step(*run, requests, [&](size_t i) { return run->expect(requests[i].layer, probable[i], false); });
    });
    run->end();
  }
  held_->clear();
}

}  // namespace moeflow
