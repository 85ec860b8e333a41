// What a step is asked for, and what it gives, sequence by sequence.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/log_probabilities.h"
#include "engine/sampler.h"

namespace moeflow {

// New tokens of one sequence, and what is wanted of them.
struct StepItem {
  int32_t sequence = 0;
  std::vector<int32_t> tokens;
  std::optional<SamplingOptions> sample;  // draw the token that follows the last one
  std::vector<uint8_t> allowed;           // [(vocabulary + 7) / 8] bits of those that may be drawn; empty: all may
  int32_t likely = -1;       // whose log probabilities are wanted beside the drawn one's; -1: not even that
  int32_t logits_from = -1;  // index in `tokens` of the first whose logits are wanted; -1: none
  bool routing = false;
};

struct StepItemResult {
  int32_t token = -1;                                  // the sampled one
  std::vector<TokenLogProbability> log_probabilities;  // its own, then those of the most likely ones
  std::vector<float> logits;                           // [tokens - logits_from][vocabulary]
  std::vector<int32_t> experts;                        // [tokens][expert layers][k]
  std::vector<float> weights;                          // same
  int32_t distinct_experts = 0;                        // (layer, expert) pairs that the sequence has used so far
};

}  // namespace moeflow
