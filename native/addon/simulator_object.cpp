#include "addon/simulator_object.h"

#include <atomic>

#include "addon/arguments.h"
#include "addon/background_task.h"
#include "addon/conversions.h"
#include "addon/environment.h"
#include "addon/model_object.h"
#include "addon/route_dataset_object.h"
#include "addon/simulation.h"
#include "base/error.h"
#include "experts/simulator.h"

namespace moeflow {
namespace {

AccessOrder order_of(const Napi::Object& object) {
  const std::string order = string_property(object, "order", "engine");
  if (order == "engine") return AccessOrder::kEngine;
  if (order == "residents-first") return AccessOrder::kResidentsFirst;
  if (order == "strict") return AccessOrder::kStrict;
  if (order == "recorded") return AccessOrder::kRecorded;
  throw argument_error(object.Env(), "order must be engine, residents-first, strict or recorded");
}

// Absent for undefined.
std::optional<Napi::Object> optional_object(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (value.IsUndefined()) return std::nullopt;
  if (!value.IsObject()) throw argument_error(options.Env(), concat(name, " must be an object"));
  return value.As<Napi::Object>();
}

std::optional<PredictionQuality> prediction_of(const Napi::Object& options) {
  const auto given = optional_object(options, "prediction");
  if (!given) return std::nullopt;
  const Napi::Object& object = *given;
  PredictionQuality quality;
  quality.recall = number_property(object, "recall", 0, 1, 1);
  quality.precision = number_property(object, "precision", 1e-6, 1, 1);
  const int64_t layers = integer_property(options, "layers", 1, 1 << 16, std::nullopt);
  quality.layers_ahead = static_cast<int32_t>(integer_property(object, "layersAhead", 1, layers, 1));
  quality.seed = seed_property(object, "seed");
  return quality;
}

std::optional<TrainedPrediction> trained_prediction_of(const Napi::Object& options) {
  const auto given = optional_object(options, "trained");
  if (!given) return std::nullopt;
  TrainedPrediction trained;
  trained.predictor = RoutePredictorObject::of(options.Env(), given->Get("predictor"));
  trained.least_probability = static_cast<float>(number_property(*given, "leastProbability", 0, 1, 0.5));
  return trained;
}

std::optional<ReadCost> cost_of(const Napi::Object& options) {
  const auto given = optional_object(options, "cost");
  if (!given) return std::nullopt;
  const Napi::Object& object = *given;
  ReadCost cost;
  cost.bytes_per_second = number_property(object, "bytesPerSecond", 1, 1e18, 1);
  cost.seconds_per_expert = number_property(object, "secondsPerExpert", 0, 1e6, 0);
  cost.overlap = boolean_property(object, "overlap", true);
  return cost;
}

std::vector<double> expert_bytes_of(const Napi::Object& options, int32_t layers) {
  const Napi::Value value = options.Get("expertBytes");
  if (value.IsUndefined()) return std::vector<double>(static_cast<size_t>(layers));
  const bool is_array = value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_float64_array;
  if (!is_array || value.As<Napi::Float64Array>().ElementLength() != static_cast<size_t>(layers)) {
    throw argument_error(options.Env(), "expertBytes must be a Float64Array with one size per layer");
  }
  const auto array = value.As<Napi::Float64Array>();
  return std::vector<double>(array.Data(), array.Data() + array.ElementLength());
}

SimulatorOptions options_of(const Napi::Object& object) {
  SimulatorOptions options;
  options.grid = trace_grid(object);
  options.order = order_of(object);
  options.prediction = prediction_of(object);
  options.trained = trained_prediction_of(object);
  options.cost = cost_of(object);
  options.expert_bytes = expert_bytes_of(object, options.grid.layers);
  const Napi::Value value = object.Get("caches");
  if (!value.IsArray()) throw argument_error(object.Env(), "caches must be an array");
  const auto caches = value.As<Napi::Array>();
  for (uint32_t i = 0; i < caches.Length(); ++i) {
    const Napi::Value cache = caches.Get(i);
    if (!cache.IsObject()) throw argument_error(object.Env(), concat("caches[", i, "] must be an object"));
    options.caches.push_back(simulated_cache(cache.As<Napi::Object>(), options.grid));
  }
  return options;
}

Napi::Object phase_to_javascript(Napi::Env env, const PhaseCounts& phase, uint64_t tokens) {
  Napi::Object object = Napi::Object::New(env);
  const auto by_layer = [&](const char* name, uint64_t LayerCounts::*count) {
    Napi::Float64Array array = Napi::Float64Array::New(env, phase.layers.size());
    for (size_t i = 0; i < phase.layers.size(); ++i) array[i] = static_cast<double>(phase.layers[i].*count);
    object.Set(name, array);
  };
  by_layer("hits", &LayerCounts::hits);
  by_layer("misses", &LayerCounts::misses);
  by_layer("prefetchHits", &LayerCounts::prefetch_hits);
  by_layer("prefetches", &LayerCounts::prefetches);
  object.Set("wastedPrefetches", static_cast<double>(phase.wasted_prefetches));
  object.Set("seconds", phase.seconds);
  object.Set("stallSeconds", phase.stall_seconds);
  object.Set("tokens", static_cast<double>(tokens));
  return object;
}

Napi::Value result_to_javascript(Napi::Env env, SimulatorResult& result) {
  Napi::Array caches = Napi::Array::New(env, result.caches.size());
  for (size_t i = 0; i < result.caches.size(); ++i) {
    Napi::Object cache = Napi::Object::New(env);
    cache.Set("prefill", phase_to_javascript(env, result.caches[i][kPrefill], result.tokens[kPrefill]));
    cache.Set("decode", phase_to_javascript(env, result.caches[i][kDecode], result.tokens[kDecode]));
    caches.Set(static_cast<uint32_t>(i), cache);
  }
  return caches;
}

Napi::Value nothing(Napi::Env env, bool&) { return env.Undefined(); }

}  // namespace

struct CacheSimulatorObject::State {
  State(SimulatorOptions options, CancelFlag flag) : cancel(std::move(flag)), simulator(std::move(options)) {}

  CancelFlag cancel;
  CacheSimulator simulator;
  std::atomic<bool> working{false};
  bool finished = false;

  // Says when work on the simulator is over, however it ends.
  struct Work {
    explicit Work(State& state) : state(state) {}
    ~Work() { state.working = false; }
    State& state;
  };
};

void CacheSimulatorObject::define(Napi::Env env, Napi::Object exports) {
  exports.Set("CacheSimulator", DefineClass(env, "CacheSimulator",
                                            {InstanceMethod<&CacheSimulatorObject::push>("push"),
                                             InstanceMethod<&CacheSimulatorObject::empty_caches>("emptyCaches"),
                                             InstanceMethod<&CacheSimulatorObject::finish>("finish")}));
}

CacheSimulatorObject::CacheSimulatorObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<CacheSimulatorObject>(info) {
  or_javascript_error(info.Env(), [&] {
    SimulatorOptions options = options_of(object_argument(info, 0, "options"));
    const CancelFlag cancel = CancelObject::of(info, 1);
    options.cancelled = cancel.get();
    state_ = std::make_shared<State>(std::move(options), cancel);
  });
}

void CacheSimulatorObject::begin_work(Napi::Env env) {
  if (state_->finished) throw argument_error(env, "this simulation has been finished");
  if (state_->working.exchange(true)) throw argument_error(env, "wait for the simulator's last promise first");
}

Napi::Value CacheSimulatorObject::push(const Napi::CallbackInfo& info) {
  const Napi::Object object = object_argument(info, 0, "steps");
  struct Steps {
    std::vector<int32_t> routes;
    std::vector<int32_t> step_tokens;
    std::vector<uint8_t> generating;
    std::vector<int32_t> ids;
    std::vector<int32_t> sequences;
    std::vector<uint8_t> last;
  };
  auto steps = std::make_shared<Steps>();
  steps->routes = int32_array_property(object, "routes");
  steps->step_tokens = optional_int32_array(object, "stepTokens");
  steps->generating = optional_uint8_array(object, "generating");
  steps->ids = optional_int32_array(object, "ids");
  steps->sequences = optional_int32_array(object, "sequences");
  steps->last = optional_uint8_array(object, "last");
  begin_work(info.Env());
  auto* task = new BackgroundTask<bool>(
      info.Env(),
      [state = state_, steps] {
        const State::Work work(*state);
        state->simulator.push(
            {steps->routes, steps->step_tokens, steps->generating, steps->ids, steps->sequences, steps->last});
        return true;
      },
      nothing);
  return task->start();
}

Napi::Value CacheSimulatorObject::empty_caches(const Napi::CallbackInfo& info) {
  begin_work(info.Env());
  auto* task = new BackgroundTask<bool>(
      info.Env(),
      [state = state_] {
        const State::Work work(*state);
        state->simulator.empty_caches();
        return true;
      },
      nothing);
  return task->start();
}

Napi::Value CacheSimulatorObject::finish(const Napi::CallbackInfo& info) {
  begin_work(info.Env());
  state_->finished = true;
  auto* task = new BackgroundTask<SimulatorResult>(
      info.Env(),
      [state = state_] {
        const State::Work work(*state);
        return state->simulator.finish();
      },
      result_to_javascript);
  return task->start();
}

}  // namespace moeflow
