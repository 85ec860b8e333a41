// Which experts the next layers will probably ask for, known while this one computes, so that they can be fetched
// meanwhile.
#pragma once

#include "model/forward.h"

namespace moeflow {

// Collects what is known into space.hints, in the order in which the layers run, the most probable experts first. To be
// called when the rows of `layer` are routed, or with -1 before the first layer. In this order:
// - many rows: all experts of the next layer;
// - step.layers_ahead layers whose routers are asked now ("gate ahead");
// - for the layers after these, what step.batch.forecast says once it has come, or else step.batch.predicted.
void look_ahead(const Step& step, int layer);

// When the routes of all layers are known: counts in space.gate_ahead how often the routers asked early were right.
void look_back(const Step& step);

// Passes the hints on. To be called again when there may be more room.
void give_hints(const Step& step);

}  // namespace moeflow
