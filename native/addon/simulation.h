// simulateCache in lib/native.ts.
#pragma once

#include "addon/napi_setup.h"
#include "experts/simulator.h"

namespace moeflow {

// The trace's shape: `layers`, `experts`, `expertsUsed`.
ExpertGrid trace_grid(const Napi::Object& object);
// `policy`, `slots`, `slotClasses` and `hot`.
SimulatedCache simulated_cache(const Napi::Object& object, const ExpertGrid& grid);

Napi::Value simulate_cache(const Napi::CallbackInfo& info);

}  // namespace moeflow
