#include "addon/step_arguments.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "addon/arguments.h"
#include "addon/conversions.h"
#include "base/error.h"

namespace moeflow {
namespace {

constexpr int64_t kLargest = std::numeric_limits<int32_t>::max();

SamplingOptions sampling_options(const Napi::Object& object) {
  SamplingOptions options;
  options.temperature = static_cast<float>(number_property(object, "temperature", 0, 1e6, 0));
  options.top_k = static_cast<int32_t>(integer_property(object, "topK", 0, kLargest, 0));
  options.top_p = static_cast<float>(number_property(object, "topP", 0, 1, 1));
  options.min_p = static_cast<float>(number_property(object, "minP", 0, 1, 0));
  options.repeat_penalty = static_cast<float>(number_property(object, "repeatPenalty", 1e-3, 1e3, 1));
  options.seed = seed_property(object, "seed");
  return options;
}

StepItem step_item(const Napi::Object& object) {
  StepItem item;
  item.sequence = static_cast<int32_t>(integer_property(object, "sequence", 0, kLargest, std::nullopt));
  item.tokens = int32_array_property(object, "tokens");
  const Napi::Value sample = object.Get("sample");
  if (sample.IsObject()) item.sample = sampling_options(sample.As<Napi::Object>());
  item.allowed = optional_uint8_array(object, "allowed");
  item.likely = static_cast<int32_t>(integer_property(object, "likely", -1, kLargest, -1));
  item.logits_from = static_cast<int32_t>(integer_property(object, "logitsFrom", -1, kLargest, -1));
  item.routing = boolean_property(object, "routing", false);
  return item;
}

template <typename T>
void set_array(Napi::Object& object, const char* name, const std::vector<T>& values) {
  if (values.empty()) return;
  object.Set(name, array_of(object.Env(), values));
}

void set_log_probabilities(Napi::Object& object, const std::vector<TokenLogProbability>& probabilities) {
  std::vector<int32_t> tokens;
  std::vector<float> values;
  for (const TokenLogProbability& of_token : probabilities) {
    tokens.push_back(of_token.token);
    values.push_back(of_token.value);
  }
  set_array(object, "likelyTokens", tokens);
  set_array(object, "logProbabilities", values);
}

Napi::Object strategy_to_javascript(Napi::Env env, const Strategy& strategy) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("prefetch", prefetch_name(prefetch_of(strategy)));
  object.Set("layersAhead", strategy.layers_ahead);
  if (strategy.source == Strategy::Source::kRoutePath) {
    // The decimal that was meant, not the nearest float.
    object.Set("leastProbability", std::round(static_cast<double>(strategy.least_probability) * 1e6) / 1e6);
  }
  return object;
}

}  // namespace

std::vector<StepItem> step_items(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsArray()) throw argument_error(info.Env(), "items must be an array");
  const auto array = info[index].As<Napi::Array>();
  std::vector<StepItem> items;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value value = array.Get(i);
    if (!value.IsObject()) throw argument_error(info.Env(), concat("items[", i, "] must be an object"));
    items.push_back(step_item(value.As<Napi::Object>()));
  }
  return items;
}

Prediction prediction(const Napi::CallbackInfo& info, size_t index) {
  Prediction prediction;
  const Napi::Value value = info[index];
  if (value.IsUndefined()) return prediction;
  const auto is_array_of = [](const Napi::Value& v, napi_typedarray_type type) {
    return v.IsTypedArray() && v.As<Napi::TypedArray>().TypedArrayType() == type;
  };
  if (is_array_of(value, napi_float32_array)) {
    const auto array = value.As<Napi::Float32Array>();
    if (array.ElementLength() > 0) prediction.probabilities.assign(array.Data(), array.Data() + array.ElementLength());
    return prediction;
  }
  if (!value.IsArray()) throw argument_error(info.Env(), "predicted must be a Float32Array, or an array of Int32Array");
  const auto layers = value.As<Napi::Array>();
  for (uint32_t i = 0; i < layers.Length(); ++i) {
    const Napi::Value layer = layers.Get(i);
    if (!is_array_of(layer, napi_int32_array)) {
      throw argument_error(info.Env(), concat("predicted[", i, "] must be an Int32Array"));
    }
    const auto array = layer.As<Napi::Int32Array>();
    const int32_t* data = array.ElementLength() > 0 ? array.Data() : nullptr;
    prediction.sets.emplace_back(data, data + array.ElementLength());
  }
  return prediction;
}

PredictedExperts predicted_experts(const Prediction& prediction, const ModelConfig& config) {
  if (prediction.sets.empty() && prediction.probabilities.empty()) return {};
  const auto layers = static_cast<size_t>(config.layers - config.leading_dense_layers);
  const auto experts = static_cast<size_t>(config.router.experts);
  PredictedExperts predicted(static_cast<size_t>(config.leading_dense_layers));
  if (!prediction.sets.empty()) {
    if (prediction.sets.size() != layers) {
      fail(ErrorCode::kInvalidArgument, "predicted has ", prediction.sets.size(), " layers; the model has ", layers,
           " with experts");
    }
    predicted.insert(predicted.end(), prediction.sets.begin(), prediction.sets.end());
    return predicted;
  }
  const std::vector<float>& probabilities = prediction.probabilities;
  if (probabilities.size() != layers * experts) {
    fail(ErrorCode::kInvalidArgument, "predicted has ", probabilities.size(), " probabilities; the model has ", layers,
         " layers of ", experts, " experts");
  }
  for (size_t layer = 0; layer < layers; ++layer) {
    const float* row = probabilities.data() + layer * experts;
    std::vector<int32_t>& list = predicted.emplace_back();
    for (size_t e = 0; e < experts; ++e) {
      if (!(row[e] >= 0 && row[e] <= 1)) {
        fail(ErrorCode::kInvalidArgument, "predicted: ", row[e], " for expert ", e, " of layer ", layer,
             " is not a probability");
      }
      if (row[e] > 0) list.push_back(static_cast<int32_t>(e));
    }
    std::stable_sort(list.begin(), list.end(),
                     [&](int32_t a, int32_t b) { return row[static_cast<size_t>(a)] > row[static_cast<size_t>(b)]; });
  }
  return predicted;
}

Napi::Object counters_to_javascript(Napi::Env env, const CacheCounters& counters) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("hits", static_cast<double>(counters.hits));
  object.Set("lateHits", static_cast<double>(counters.late_hits));
  object.Set("misses", static_cast<double>(counters.misses));
  object.Set("prefetches", static_cast<double>(counters.prefetches));
  object.Set("wastedPrefetches", static_cast<double>(counters.wasted_prefetches));
  object.Set("bytesRead", static_cast<double>(counters.bytes_read));
  object.Set("stallSeconds", counters.stall_seconds);
  return object;
}

Napi::Object counters_to_javascript(Napi::Env env, const StepCounters& counters) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("seconds", counters.seconds);
  object.Set("predictionSeconds", counters.prediction_seconds);
  object.Set("forecasts", static_cast<double>(counters.forecasts.forecasts));
  object.Set("lateForecasts", static_cast<double>(counters.forecasts.late_forecasts));
  object.Set("forecastSeconds", counters.forecasts.forecast_seconds);
  object.Set("experts", counters_to_javascript(env, counters.experts));
  object.Set("device", counters_to_javascript(env, counters.device));
  return object;
}

Napi::Object foresight_to_javascript(Napi::Env env, const ForesightReport& report) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("inEffect", strategy_to_javascript(env, report.in_effect));
  Napi::Array tried = Napi::Array::New(env, report.tried.size());
  for (size_t i = 0; i < report.tried.size(); ++i) {
    Napi::Object strategy = strategy_to_javascript(env, report.tried[i].strategy);
    strategy.Set("stepSeconds", report.tried[i].step_seconds);
    tried.Set(static_cast<uint32_t>(i), strategy);
  }
  object.Set("tried", tried);
  Napi::Array gate_ahead = Napi::Array::New(env);
  for (size_t i = 0; i < report.gate_ahead.size(); ++i) {
    const GateAheadCount& count = report.gate_ahead[i];
    if (count.choices == 0) continue;
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("layersAhead", static_cast<double>(i + 1));
    entry.Set("choices", static_cast<double>(count.choices));
    entry.Set("right", static_cast<double>(count.right));
    gate_ahead.Set(gate_ahead.Length(), entry);
  }
  object.Set("gateAhead", gate_ahead);
  if (!report.failure.empty()) object.Set("failure", report.failure);
  return object;
}

Napi::Value result_to_javascript(Napi::Env env, const StepResult& result) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array items = Napi::Array::New(env, result.items.size());
  for (size_t i = 0; i < result.items.size(); ++i) {
    const StepItemResult& of_item = result.items[i];
    Napi::Object item = Napi::Object::New(env);
    item.Set("token", of_item.token);
    item.Set("distinctExperts", of_item.distinct_experts);
    set_log_probabilities(item, of_item.log_probabilities);
    set_array(item, "logits", of_item.logits);
    set_array(item, "experts", of_item.experts);
    set_array(item, "weights", of_item.weights);
    items.Set(static_cast<uint32_t>(i), item);
  }
  object.Set("items", items);
  object.Set("spent", counters_to_javascript(env, result.spent));
  return object;
}

}  // namespace moeflow
