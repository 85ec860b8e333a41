// Routes of tokens as steps of a model, and what each layer asks for in a step.
#pragma once

#include <span>
#include <vector>

#include "experts/policy/policy.h"

namespace moeflow {

// Expert of a token at a layer that was not recorded.
inline constexpr int32_t kNotRecorded = -1;

// In the order in which the tokens were computed.
struct RouteSteps {
  std::span<const int32_t> routes;       // [tokens][layers][used] -> expert of the layer
  std::span<const int32_t> step_tokens;  // tokens of each step; empty: one
  std::span<const uint8_t> generating;   // [token] whether it is being generated, not a prompt's; empty: all are
  // For a trained predictor only, each [token].
  std::span<const int32_t> ids = {};
  std::span<const int32_t> sequences = {};  // numbers that tell them apart
  std::span<const uint8_t> last = {};       // whether it is the last one of its sequence; empty: none is
};

// In what order the experts of a layer's request are asked for.
enum class AccessOrder {
  kEngine,          // as one request, as the engine does: each once, those that are here first
  kResidentsFirst,  // each once; those that are here at the beginning are hits; then as kStrict, uncounted
  kStrict,          // each once, one by one in rising order, as requests of their own
  kRecorded,        // one by one as they stand in the routes, also those that several tokens use
};

// What a layer asks for in a step.
struct LayerRequest {
  int32_t layer = 0;
  std::vector<int32_t> experts;  // first those of generating tokens
  size_t generating = 0;
};

// Throw Error(kInvalidArgument) naming token and layer of an expert that there is not, or what else is wrong. There
// were `tokens_before`.
void check_grid(const ExpertGrid& grid);
void check_steps(const ExpertGrid& grid, const RouteSteps& steps, uint64_t tokens_before = 0);

class StepRequests {
 public:
  StepRequests(const ExpertGrid& grid, AccessOrder order);

  // The requests of all layers, for the next `tokens` of `steps`, which must have been checked. They stay until the
  // next call.
  std::span<const LayerRequest> of(const RouteSteps& steps, size_t first_token, size_t tokens);

 private:
  void add(std::span<const int32_t> route, std::vector<int32_t>& experts);
  void collect(const RouteSteps& steps, size_t first_token, size_t tokens, bool generating, LayerRequest& request);

  ExpertGrid grid_;
  AccessOrder order_;
  std::vector<LayerRequest> requests_;  // [layer]
  std::vector<uint64_t> wanted_;        // a bit for each expert of a layer
  std::vector<uint64_t> seen_;
};

}  // namespace moeflow
