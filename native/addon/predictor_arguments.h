// A trained route predictor's weights, from JavaScript.
#pragma once

#include "addon/napi_setup.h"
#include "prediction/route_predictor.h"

namespace moeflow {

// NativeRouteWeights in lib/native.ts. Copies them; whether their sizes fit together is RoutePredictor's to check.
RouteWeights route_weights(const Napi::Object& object);

}  // namespace moeflow
