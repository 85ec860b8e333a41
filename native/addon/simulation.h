// simulateCache in lib/native.ts.
#pragma once

#include "addon/napi_setup.h"

namespace moeflow {

Napi::Value simulate_cache(const Napi::CallbackInfo& info);

}  // namespace moeflow
