// What an engine is made from, from JavaScript, and how it spends memory, back to it.
#pragma once

#include "addon/napi_setup.h"
#include "engine/engine.h"

namespace moeflow {

// NativeReadOptions in lib/native.ts.
ReadOptions read_options(const Napi::Object& object);

// NativeLoadOptions in lib/native.ts.
EngineOptions engine_options(const Napi::Object& object);

// NativeMemoryPlan in lib/native.ts.
Napi::Object memory_to_javascript(Napi::Env env, const MemoryPlan& plan);

}  // namespace moeflow
