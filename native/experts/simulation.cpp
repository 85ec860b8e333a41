#include "experts/simulation.h"

#include "base/error.h"

namespace moeflow {
namespace {

int64_t checked_sum(std::span<const int32_t> counts, const char* what) {
  int64_t total = 0;
  for (const int32_t count : counts) {
    if (count < 1) fail(ErrorCode::kInvalidArgument, "the trace has ", what, " of ", count, "; 1 is the least");
    total += count;
  }
  return total;
}

// Tokens that come alone in their step's sequence are being generated.
struct Steps {
  std::vector<int32_t> tokens;
  std::vector<uint8_t> generating;
};

Steps steps_of(const RouteTrace& trace) {
  const auto row = static_cast<size_t>(trace.grid.layers) * static_cast<size_t>(trace.grid.used);
  if (!trace.item_tokens.empty() && checked_sum(trace.item_tokens, "a sequence's number of tokens") !=
                                        static_cast<int64_t>(trace.routes.size() / row)) {
    fail(ErrorCode::kInvalidArgument, "the steps of the trace do not have as many tokens as it has routes for");
  }
  if (!trace.step_items.empty() &&
      checked_sum(trace.step_items, "a step's number of sequences") != std::ssize(trace.item_tokens)) {
    fail(ErrorCode::kInvalidArgument, "the steps of the trace do not have as many sequences as there are");
  }
  Steps steps;
  for (size_t item = 0, step = 0; item < trace.item_tokens.size(); ++step) {
    int32_t tokens = 0;
    const int32_t items = trace.step_items.empty() ? 1 : trace.step_items[step];
    for (int32_t i = 0; i < items; ++i, ++item) {
      const int32_t count = trace.item_tokens[item];
      steps.generating.insert(steps.generating.end(), static_cast<size_t>(count), count == 1 ? 1 : 0);
      tokens += count;
    }
    steps.tokens.push_back(tokens);
  }
  return steps;
}

}  // namespace

std::vector<SimulatedLayer> simulate(const RouteTrace& trace, const SimulatedCache& cache) {
  SimulatorOptions simulated;
  simulated.grid = trace.grid;
  simulated.caches.push_back(cache);
  check_grid(trace.grid);
  check_steps(trace.grid, {trace.routes, {}, {}});
  const Steps steps = steps_of(trace);
  CacheSimulator simulator(std::move(simulated));
  simulator.push({trace.routes, steps.tokens, steps.generating});
  const CacheCounts counts = simulator.finish().caches.front();
  std::vector<SimulatedLayer> layers(static_cast<size_t>(trace.grid.layers));
  for (const PhaseCounts& phase : counts) {
    for (size_t layer = 0; layer < layers.size(); ++layer) {
      layers[layer].hits += phase.layers[layer].hits;
      layers[layer].misses += phase.layers[layer].misses;
    }
  }
  return layers;
}

}  // namespace moeflow
