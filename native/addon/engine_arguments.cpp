#include "addon/engine_arguments.h"

#include "addon/arguments.h"
#include "addon/predictor_arguments.h"
#include "base/error.h"

namespace moeflow {

namespace {

// [layer, expert, layer, expert, ...]
std::vector<ExpertId> experts_property(const Napi::Object& object, const char* name) {
  std::vector<ExpertId> experts;
  if (object.Get(name).IsUndefined()) return experts;
  const std::vector<int32_t> numbers = int32_array_property(object, name);
  if (numbers.size() % 2 != 0) throw argument_error(object.Env(), concat(name, " must hold pairs of layer and expert"));
  for (size_t i = 0; i < numbers.size(); i += 2) experts.push_back({numbers[i], numbers[i + 1]});
  return experts;
}

std::shared_ptr<const RoutePredictor> predictor_property(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) return nullptr;
  if (!value.IsObject()) throw argument_error(object.Env(), concat(name, " must be an object"));
  RouteWeights weights = route_weights(value.As<Napi::Object>());
  try {
    return std::make_shared<const RoutePredictor>(std::move(weights));
  } catch (const Error& error) {
    throw argument_error(object.Env(), error.what());
  }
}

}  // namespace

ReadOptions read_options(const Napi::Object& object) {
  ReadOptions options;
  const std::string method = string_property(object, "readMethod", "auto");
  try {
    options.method = read_method(method);
  } catch (const Error& error) {
    throw argument_error(object.Env(), error.what());
  }
  options.bytes = static_cast<uint64_t>(
      integer_property(object, "readBytes", kDirectAlignment, kMostReadBytes, static_cast<int64_t>(options.bytes)));
  options.depth = static_cast<int>(integer_property(object, "readDepth", 1, kMostReadDepth, options.depth));
  return options;
}

EngineOptions engine_options(const Napi::Object& object) {
  EngineOptions options;
  options.paths = strings_property(object, "paths");
  options.threads = static_cast<int>(integer_property(object, "threads", 0, kMostThreads, 0));
  options.context_length = static_cast<int>(integer_property(object, "contextLength", 0, 1 << 24, 0));
  options.kv_cache_tokens = integer_property(object, "kvCacheTokens", 0, int64_t{1} << 40, 0);
  options.batch_rows = static_cast<int>(integer_property(object, "batchRows", 1, 1 << 16, options.batch_rows));
  options.kernels = string_property(object, "kernels", "");
  options.ram = static_cast<uint64_t>(integer_property(object, "ram", 0, int64_t{1} << 53, 0));
  options.cache.policy = string_property(object, "policy", options.cache.policy.c_str());
  options.cache.hot = experts_property(object, "hotExperts");
  try {
    options.prefetch = prefetch_named(string_property(object, "prefetch", "auto"));
  } catch (const Error& error) {
    throw argument_error(object.Env(), error.what());
  }
  options.predictor = predictor_property(object, "predictor");
  options.reads = read_options(object);
  options.device.name = string_property(object, "device", options.device.name.c_str());
  options.device.memory = static_cast<uint64_t>(integer_property(object, "vram", 0, int64_t{1} << 53, 0));
  options.device.bytes_per_second = number_property(object, "deviceBytesPerSecond", 0, 1e15, 0);
  const std::string kv_type = string_property(object, "kvType", "auto");
  if (kv_type == "f16") {
    options.kv_type = KvType::kF16;
  } else if (kv_type == "f32") {
    options.kv_type = KvType::kF32;
  } else if (kv_type != "auto") {
    throw argument_error(object.Env(), concat("kvType must be auto, f16 or f32, is ", kv_type));
  }
  return options;
}

Napi::Object memory_to_javascript(Napi::Env env, const MemoryPlan& plan) {
  Napi::Object memory = Napi::Object::New(env);
  const auto set = [&](const char* name, uint64_t number) { memory.Set(name, static_cast<double>(number)); };
  set("budgetBytes", plan.budget);
  memory.Set("budgetChosen", plan.chosen);
  set("processBytes", plan.process);
  set("denseBytes", plan.dense);
  set("kvCacheBytes", plan.kv_cache);
  set("kvCacheTokens", plan.kv_blocks * kKvBlock);
  set("workspaceBytes", plan.workspace);
  set("deviceBytes", plan.device);
  set("predictorBytes", plan.predictor);
  set("expertBytes", plan.experts);
  set("expertSlots", static_cast<uint64_t>(plan.slots));
  set("experts", static_cast<uint64_t>(plan.model_experts));
  memory.Set("allExperts", plan.all_experts);
  return memory;
}

}  // namespace moeflow
