// A cache of experts without experts: which of a trace's requests would have been hits. By the same residency and the
// same policies as the cache that moves bytes, so the two agree to the last hit (where nothing is fetched ahead).
#pragma once

#include <vector>

#include "experts/simulator.h"

namespace moeflow {

// Routes of tokens, in the order in which they were computed.
struct RouteTrace {
  ExpertGrid grid;                  // layers: those of the trace, all of them with experts
  std::span<const int32_t> routes;  // [tokens][layers][used] -> expert of the layer
  // How the tokens went through the model: tokens of each sequence in each step (empty: one), and sequences of each
  // step (empty: one).
  std::span<const int32_t> item_tokens;
  std::span<const int32_t> step_items;
};

struct SimulatedLayer {
  uint64_t hits = 0;
  uint64_t misses = 0;
};

// Hits and misses of each layer. Tokens that come alone in their step's sequence are being generated, others belong to
// prompts. Throws Error(kInvalidArgument) saying what is wrong with the trace or the cache.
std::vector<SimulatedLayer> simulate(const RouteTrace& trace, const SimulatedCache& cache);

}  // namespace moeflow
