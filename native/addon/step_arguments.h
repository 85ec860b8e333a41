// The items of a step, from JavaScript and back.
#pragma once

#include <optional>
#include <vector>

#include "addon/napi_setup.h"
#include "engine/engine.h"

namespace moeflow {

std::vector<StepItem> step_items(const Napi::CallbackInfo& info, size_t index);

struct TimedResults {
  std::vector<StepItemResult> items;
  double seconds = 0;
  std::optional<CacheCounters> experts;  // where not all are in memory
};
Napi::Value results_to_javascript(Napi::Env env, const TimedResults& results);

}  // namespace moeflow
