// The router: from one token's logits over the experts to the k that it uses and their weights.
#pragma once

#include <cstdint>

#include "model/config.h"

namespace moeflow {

// Chooses config.used experts for one token: ids in falling order of the score that chose them (lowest id first among
// equals), weights as the factors that multiply the experts' outputs. `logits` is overwritten. `selection_bias` may be
// null. `scratch` holds 2 * config.experts floats.
// Sources: Shazeer et al. 2017 for top-k gating; DeepSeek-V3 technical report 2.1.2 for sigmoid scores, the selection
// bias and node-limited groups.
void route(const RouterConfig& config, float* logits, const float* selection_bias, float* scratch, int32_t* ids,
           float* weights);

}  // namespace moeflow
