// The items of a step, from JavaScript and back.
#pragma once

#include <vector>

#include "addon/napi_setup.h"
#include "engine/engine.h"

namespace moeflow {

std::vector<StepItem> step_items(const Napi::CallbackInfo& info, size_t index);

// What a caller predicts that each layer will use, as [expert layers] Int32Array (the most probable first) or as one
// Float32Array of probabilities [expert layers * experts].
struct Prediction {
  std::vector<std::vector<int32_t>> sets;
  std::vector<float> probabilities;
};
Prediction prediction(const Napi::CallbackInfo& info, size_t index);
// The same by block of the model, where those with a probability of 0 are left out. Throws Error(kInvalidArgument).
PredictedExperts predicted_experts(const Prediction& prediction, const ModelConfig& config);

struct StepResult {
  std::vector<StepItemResult> items;
  StepCounters spent;
};
Napi::Value result_to_javascript(Napi::Env env, const StepResult& result);
Napi::Object counters_to_javascript(Napi::Env env, const CacheCounters& counters);
Napi::Object counters_to_javascript(Napi::Env env, const StepCounters& counters);
// NativeForesight in lib/native.ts.
Napi::Object foresight_to_javascript(Napi::Env env, const ForesightReport& report);

}  // namespace moeflow
