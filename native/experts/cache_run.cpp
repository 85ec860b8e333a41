#include "experts/cache_run.h"

#include <algorithm>

namespace moeflow {

CacheRun::CacheRun(const SimulatorOptions& options, const SimulatedCache& cache) : options_(options), cache_(cache) {
  for (PhaseCounts& phase : counts_) phase.layers.resize(static_cast<size_t>(options.grid.layers));
  if (options.cost) {
    int32_t slots = 0;
    for (const int32_t count : cache.slots.slots) slots += count;
    timing_.emplace(*options.cost, slots);
  }
}

void CacheRun::begin(std::shared_ptr<const FutureUses> uses) {
  const ExpertGrid& grid = options_.grid;
  std::unique_ptr<EvictionPolicy> policy;
  if (knows_future()) {
    policy = std::make_unique<BeladyPolicy>(grid, std::move(uses));
  } else {
    policy = make_policy({cache_.policy, cache_.hot}, grid);
  }
  residency_.emplace(grid, cache_.slots, std::move(policy));
  wasted_ = 0;
  if (timing_) timing_->clear();
}

void CacheRun::request(const LayerRequest& request) {
  if (request.experts.empty()) return;
  phase_ = request.generating > 0 ? kDecode : kPrefill;
  if (options_.order == AccessOrder::kEngine) {
    request_together(request);
  } else {
    if (options_.order == AccessOrder::kResidentsFirst) count_residents(request);
    request_one_by_one(request);
  }
  if (options_.predicts() || timing_) account();
}

void CacheRun::request_together(const LayerRequest& request) {
  // The optimum knows better than to treat prompts in a special way.
  const size_t generating = knows_future() ? request.experts.size() : request.generating;
  if (options_.predicts()) count_fetched_ahead(request, 0, request.experts.size());
  const auto places = residency_->request(request.layer, request.experts, generating);
  count(request, 0, places);
  for (size_t i = 0; i < places.size(); ++i) residency_->done(i);
}

void CacheRun::request_one_by_one(const LayerRequest& request) {
  for (size_t i = 0; i < request.experts.size(); ++i) {
    const std::span<const int32_t> one(&request.experts[i], 1);
    const size_t generating = knows_future() || i < request.generating ? 1 : 0;
    const bool counted = options_.order != AccessOrder::kResidentsFirst;
    if (counted && options_.predicts()) count_fetched_ahead(request, i, 1);
    // For the optimum, which counts requests, each is one; for the others the layer runs once.
    const auto places = i == 0 || knows_future() ? residency_->request(request.layer, one, generating)
                                                 : residency_->request_more(one, generating);
    if (counted) count(request, i, places);
    residency_->done(0);
  }
}

void CacheRun::count_residents(const LayerRequest& request) {
  const auto layer = static_cast<size_t>(request.layer);
  if (options_.predicts()) count_fetched_ahead(request, 0, request.experts.size());
  for (size_t i = 0; i < request.experts.size(); ++i) {
    LayerCounts& counts = counts_[i < request.generating ? kDecode : kPrefill].layers[layer];
    const int32_t slot = residency_->slot_of(request.layer * options_.grid.per_layer + request.experts[i]);
    ++(slot != Residency::kNone ? counts.hits : counts.misses);
  }
}

// The request's experts from `first` on have got places.
void CacheRun::count(const LayerRequest& request, size_t first, std::span<const Residency::Place> places) {
  const auto layer = static_cast<size_t>(request.layer);
  if (first >= request.generating || first + places.size() <= request.generating) {
    LayerCounts& counts = counts_[first < request.generating ? kDecode : kPrefill].layers[layer];
    for (const Residency::Place& place : places) ++(place.present ? counts.hits : counts.misses);
  } else {
    const auto generating = std::span(request.experts).first(request.generating);
    for (const Residency::Place& place : places) {
      const int32_t expert = place.expert - request.layer * options_.grid.per_layer;
      const bool decode = std::find(generating.begin(), generating.end(), expert) != generating.end();
      LayerCounts& counts = counts_[decode ? kDecode : kPrefill].layers[layer];
      ++(place.present ? counts.hits : counts.misses);
    }
  }
  if (timing_) timing_->request(places, options_.expert_bytes[layer]);
}

void CacheRun::count_fetched_ahead(const LayerRequest& request, size_t first, size_t experts) {
  for (size_t i = first; i < first + experts; ++i) {
    const int32_t slot = residency_->slot_of(request.layer * options_.grid.per_layer + request.experts[i]);
    if (slot == Residency::kNone || !residency_->is_ahead(slot)) continue;
    const Phase phase = i < request.generating ? kDecode : kPrefill;
    ++counts_[phase].layers[static_cast<size_t>(request.layer)].prefetch_hits;
  }
}

bool CacheRun::expect(int32_t layer, std::span<const int32_t> experts, bool for_prompt) {
  residency_->expect(layer, experts);
  return fetch_ahead(layer, experts, for_prompt);
}

void CacheRun::foresee(int32_t layer, std::span<const float> probabilities, std::span<const float> later) {
  residency_->foresee(layer, probabilities, later);
}

bool CacheRun::fetch_ahead(int32_t layer, std::span<const int32_t> experts, bool for_prompt) {
  const int32_t first = layer * options_.grid.per_layer;
  for (const int32_t expert : experts) {
    if (residency_->slot_of(first + expert) != Residency::kNone) continue;
    const int32_t slot = residency_->fetch_ahead(first + expert, for_prompt);
    if (slot == Residency::kNone) return false;
    ++counts_[phase_].layers[static_cast<size_t>(layer)].prefetches;
    if (timing_) timing_->fetch_ahead(slot, options_.expert_bytes[static_cast<size_t>(layer)]);
  }
  return true;
}

void CacheRun::end() {
  if (!residency_) return;
  if (options_.predicts() || timing_) account();
  for (int32_t slot = 0; slot < residency_->slots(); ++slot) {
    if (residency_->is_ahead(slot)) ++counts_[phase_].wasted_prefetches;
  }
}

// What has been added since the last request belongs to the phase of this one.
void CacheRun::account() {
  PhaseCounts& counts = counts_[phase_];
  uint64_t wasted = 0;
  for (int32_t layer = 0; layer < options_.grid.layers; ++layer) wasted += residency_->wasted(layer);
  counts.wasted_prefetches += wasted - wasted_;
  wasted_ = wasted;
  if (!timing_) return;
  counts.seconds += timing_->seconds() - seconds_;
  counts.stall_seconds += timing_->stall_seconds() - stall_seconds_;
  seconds_ = timing_->seconds();
  stall_seconds_ = timing_->stall_seconds();
}

}  // namespace moeflow
