// What steps have cost: all of them since the model was loaded, or those between two moments.
#pragma once

#include "engine/forecaster.h"
#include "experts/cache.h"

namespace moeflow {

struct StepCounters {
  double seconds = 0;             // that steps took, whether or not they came to an end
  double prediction_seconds = 0;  // of these, spent on knowing what to fetch ahead
  ForecastCounters forecasts;     // of a trained predictor; zero without one
  CacheCounters experts;          // in this process's memory; zero when all are
  CacheCounters device;           // in a device's memory; zero without one

  friend StepCounters operator-(StepCounters after, const StepCounters& before) {
    after.seconds -= before.seconds;
    after.prediction_seconds -= before.prediction_seconds;
    after.forecasts = after.forecasts - before.forecasts;
    after.experts -= before.experts;
    after.device -= before.device;
    return after;
  }
};

}  // namespace moeflow
