// The feed-forward half of a layer: normed rows in, what to add to the residual stream out (space.projected).
#pragma once

#include "model/forward.h"

namespace moeflow {

void dense_feed_forward(const Step& step, int layer);
void expert_feed_forward(const Step& step, int layer);

}  // namespace moeflow
