// Caches of experts without experts, fed with routes as they come: which requests would have been hits, by the same
// residency and the same policies as the cache that moves bytes. Several caches may follow one stream of routes.
//
// Memory is that of the caches and of a step. Belady's optimum alone has to know the future: 2 bytes for each use of an
// expert, 12 for each request and, while it runs, 4 more for each use, since the caches were last emptied.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experts/prediction_oracle.h"
#include "experts/read_timing.h"
#include "experts/residency.h"
#include "experts/route_steps.h"
#include "prediction/trace_forecaster.h"

namespace moeflow {

// A cache to simulate.
struct SimulatedCache {
  std::string policy = "lfu";  // or "belady"
  SlotClasses slots;
  std::vector<int32_t> hot;
};

// What a trained predictor says before each step: it tells the policy who should stay, and what is at least so probable
// is fetched ahead.
struct TrainedPrediction {
  std::shared_ptr<const RoutePredictor> predictor;
  float least_probability = 0.5F;
};

struct SimulatorOptions {
  ExpertGrid grid;  // layers: those of the trace, all of them with experts
  AccessOrder order = AccessOrder::kEngine;
  std::vector<SimulatedCache> caches;
  // One of them, or none. With a trained predictor Belady's optimum chooses who leaves, not what is fetched ahead; it
  // goes without predictions of a chosen quality.
  std::optional<PredictionQuality> prediction;
  std::optional<TrainedPrediction> trained;
  std::optional<ReadCost> cost;      // not with AccessOrder::kResidentsFirst, which does not say what is read
  std::vector<double> expert_bytes;  // [layer], for the cost
  const std::atomic<bool>* cancelled = nullptr;  // looked at before every request; outlives the simulator

  bool predicts() const { return prediction || trained; }
};

// By whose tokens an expert is used: what prompts and generating tokens share counts for the latter.
enum Phase { kPrefill, kDecode, kPhases };

struct LayerCounts {
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t prefetch_hits = 0;  // of the hits, those that were fetched ahead and not used since
  uint64_t prefetches = 0;
};

struct PhaseCounts {
  std::vector<LayerCounts> layers;
  uint64_t wasted_prefetches = 0;
  // By the cost model, else 0.
  double seconds = 0;
  double stall_seconds = 0;
};

using CacheCounts = std::array<PhaseCounts, kPhases>;

struct SimulatorResult {
  std::array<uint64_t, kPhases> tokens{};
  std::vector<CacheCounts> caches;
};

class CacheRun;
struct HeldRequests;

class CacheSimulator {
 public:
  // Throws Error(kInvalidArgument) for a grid, slots, a policy or a predictor that make no sense, or not together.
  explicit CacheSimulator(SimulatorOptions options);
  ~CacheSimulator();

  // Whole steps. Throws Error(kInvalidArgument) naming the place in them; then nothing of them has been simulated.
  // This and what follows throw Error(kCancelled) once `cancelled` is set; then the simulator is of no more use.
  void push(const RouteSteps& steps);
  // The caches are empty from now on, as for a sequence that has nothing to do with the one before.
  void empty_caches();
  // All that was counted. Nothing may follow.
  SimulatorResult finish();

 private:
  struct Step {
    std::vector<LayerRequest> requests;
    std::vector<std::vector<int32_t>> predicted;  // [layer]
  };

  void run_online(std::span<const LayerRequest> requests, const TracedTokens& tokens);
  bool foresee(const TracedTokens& tokens);
  void run_pending(const Step* next);
  void run_future();
  void check_cancelled() const;

  SimulatorOptions options_;
  StepRequests requests_;
  std::array<uint64_t, kPhases> tokens_{};
  std::vector<std::unique_ptr<CacheRun>> runs_;  // [cache]
  std::vector<CacheRun*> online_;                // those that need not know the future
  std::optional<PredictionOracle> oracle_;
  std::optional<Step> pending_;  // with an oracle: not run before the next one is known
  std::optional<TraceForecaster> forecaster_;
  LayerForecasts foreseen_;             // for the step under way; where nothing is, nothing is worth a read
  std::unique_ptr<HeldRequests> held_;  // with Belady's optimum
};

}  // namespace moeflow
