// Which experts the next layer will probably ask for, known while this one computes, so that they can be fetched
// meanwhile.
#pragma once

#include <span>

#include "model/forward.h"

namespace moeflow {

// Of layer + 1, the most probable first; into space.foreseen, to be called when this layer's rows are routed. Empty
// after the last layer, and where nobody takes hints.
std::span<const int32_t> foresee_next_layer(const Step& step, int layer);

}  // namespace moeflow
