#include "addon/step_arguments.h"

#include <cstring>
#include <limits>

#include "addon/arguments.h"
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
  item.logits_from = static_cast<int32_t>(integer_property(object, "logitsFrom", -1, kLargest, -1));
  item.routing = boolean_property(object, "routing", false);
  return item;
}

template <typename T>
void set_array(Napi::Object& object, const char* name, const std::vector<T>& values) {
  if (values.empty()) return;
  Napi::TypedArrayOf<T> array = Napi::TypedArrayOf<T>::New(object.Env(), values.size());
  std::memcpy(array.Data(), values.data(), values.size() * sizeof(T));
  object.Set(name, array);
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

Napi::Value results_to_javascript(Napi::Env env, const TimedResults& results) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array items = Napi::Array::New(env, results.items.size());
  for (size_t i = 0; i < results.items.size(); ++i) {
    const StepItemResult& result = results.items[i];
    Napi::Object item = Napi::Object::New(env);
    item.Set("token", result.token);
    item.Set("distinctExperts", result.distinct_experts);
    set_array(item, "logits", result.logits);
    set_array(item, "experts", result.experts);
    set_array(item, "weights", result.weights);
    items.Set(static_cast<uint32_t>(i), item);
  }
  object.Set("items", items);
  object.Set("seconds", results.seconds);
  if (results.experts) object.Set("experts", counters_to_javascript(env, *results.experts));
  return object;
}

}  // namespace moeflow
