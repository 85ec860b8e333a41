// The items of a step, from JavaScript and back.
#pragma once

#include <optional>
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

struct TimedResults {
  std::vector<StepItemResult> items;
  double seconds = 0;
  std::optional<CacheCounters> experts;  // where not all are in memory
  std::optional<CacheCounters> device;   // where there is one
  double prediction_seconds = 0;         // since the model was loaded, as the counters
  Prefetch prefetch = Prefetch::kNone;   // in effect
};
Napi::Object counters_to_javascript(Napi::Env env, const CacheCounters& counters);
Napi::Value results_to_javascript(Napi::Env env, const TimedResults& results);

}  // namespace moeflow
