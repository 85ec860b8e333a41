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

}  // namespace

CacheSimulator::CacheSimulator(SimulatorOptions options)
    : options_((check_grid(options.grid), std::move(options))), requests_(options_.grid, options_.order) {
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
}

CacheSimulator::~CacheSimulator() = default;

void CacheSimulator::push(const RouteSteps& steps) {
  check_steps(options_.grid, steps, tokens_[kDecode] + tokens_[kPrefill]);
  const size_t row = static_cast<size_t>(options_.grid.layers) * static_cast<size_t>(options_.grid.used);
  const size_t tokens = steps.routes.size() / row;
  for (size_t step = 0, token = 0; token < tokens; ++step) {
    const auto count = steps.step_tokens.empty() ? size_t{1} : static_cast<size_t>(steps.step_tokens[step]);
    check_cancelled();
    const auto requests = requests_.of(steps, token, count);
    token += count;
    if (held_) {
      for (const LayerRequest& request : requests) held_->add(request);
    }
    if (oracle_) {
      Step next{{requests.begin(), requests.end()}, {}};
      for (const LayerRequest& request : requests) next.predicted.push_back(oracle_->predict(request));
      run_pending(&next);
      pending_ = std::move(next);
    } else {
      for (const LayerRequest& request : requests) {
        for (CacheRun* run : online_) run->request(request);
      }
    }
  }
  const size_t decoded = steps.generating.empty()
                             ? tokens
                             : static_cast<size_t>(std::count_if(steps.generating.begin(), steps.generating.end(),
                                                                 [](uint8_t generating) { return generating != 0; }));
  tokens_[kDecode] += decoded;
  tokens_[kPrefill] += tokens - decoded;
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
    held_->for_each([&](const LayerRequest& request) {
      check_cancelled();
      run->request(request);
    });
    run->end();
  }
  held_->clear();
}

}  // namespace moeflow
