// A route predictor's weights from JavaScript: NativeRouteWeights in lib/native.ts.
#pragma once

#include "addon/napi_setup.h"
#include "prediction/route_predictor.h"

namespace moeflow {

// { layers, experts, expertsUsed } of routes.
RouteShape route_shape(const Napi::Object& object);
// Sizes are for RoutePredictor to check.
RouteWeights route_weights(const Napi::Object& object);

}  // namespace moeflow
