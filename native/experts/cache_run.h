// One simulated cache at work on requests.
#pragma once

#include <optional>

#include "experts/policy/belady.h"
#include "experts/simulator.h"

namespace moeflow {

class CacheRun {
 public:
  CacheRun(const SimulatorOptions& options, const SimulatedCache& cache);

  bool knows_future() const { return cache_.policy == "belady"; }
  // Empty from now on. `uses`: for the optimum, of all that follows until it is empty again.
  void begin(std::shared_ptr<const FutureUses> uses);
  void request(const LayerRequest& request);
  // What `layer` will ask for, as good as sure, is fetched ahead, as far as there is room. Returns whether there is
  // more.
  bool expect(int32_t layer, std::span<const int32_t> experts, bool for_prompt);
  // How probable it is of each expert that `layer` will ask for it, and what its next use after that is worth.
  void foresee(int32_t layer, std::span<const float> probabilities, std::span<const float> later);
  bool fetch_ahead(int32_t layer, std::span<const int32_t> experts, bool for_prompt);
  // The experts that were fetched ahead and are still unused were so for nothing.
  void end();

  const CacheCounts& counts() const { return counts_; }

 private:
  void request_together(const LayerRequest& request);
  void request_one_by_one(const LayerRequest& request);
  void count_residents(const LayerRequest& request);
  void count(const LayerRequest& request, size_t first, std::span<const Residency::Place> places);
  void count_fetched_ahead(const LayerRequest& request, size_t first, size_t experts);
  void account();

  const SimulatorOptions& options_;
  const SimulatedCache& cache_;
  std::optional<Residency> residency_;
  std::optional<ReadTiming> timing_;
  CacheCounts counts_;
  Phase phase_ = kDecode;
  uint64_t wasted_ = 0;  // as the residency counts, so far
  double seconds_ = 0;   // as the timing counts, so far
  double stall_seconds_ = 0;
};

}  // namespace moeflow
