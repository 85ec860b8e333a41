#include "addon/simulation.h"

#include "addon/arguments.h"
#include "addon/background_task.h"
#include "base/error.h"
#include "experts/simulation.h"

namespace moeflow {
namespace {

constexpr int32_t kMostSlots = 1 << 24;

// A trace that owns its numbers.
struct Job {
  ExpertGrid grid;
  std::vector<int32_t> routes;
  std::vector<int32_t> item_tokens;
  std::vector<int32_t> step_items;
  SimulatedCache cache;
};

Job job_of(const Napi::Object& object) {
  Job job;
  job.grid = trace_grid(object);
  job.routes = int32_array_property(object, "routes");
  job.item_tokens = optional_int32_array(object, "itemTokens");
  job.step_items = optional_int32_array(object, "stepItems");
  job.cache = simulated_cache(object, job.grid);
  return job;
}

Napi::Value to_javascript_arrays(Napi::Env env, std::vector<SimulatedLayer>& layers) {
  Napi::Float64Array hits = Napi::Float64Array::New(env, layers.size());
  Napi::Float64Array misses = Napi::Float64Array::New(env, layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    hits[i] = static_cast<double>(layers[i].hits);
    misses[i] = static_cast<double>(layers[i].misses);
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("hits", hits);
  object.Set("misses", misses);
  return object;
}

}  // namespace

ExpertGrid trace_grid(const Napi::Object& object) {
  constexpr int64_t kMost = 1 << 16;
  const auto count = [&](const char* name) {
    return static_cast<int32_t>(integer_property(object, name, 1, kMost, std::nullopt));
  };
  ExpertGrid grid;
  grid.layers = grid.routed_layers = count("layers");
  grid.per_layer = count("experts");
  grid.used = count("expertsUsed");
  if (int64_t{grid.layers} * grid.per_layer > 1 << 24) {
    throw argument_error(object.Env(), "layers times experts must be at most 2^24");
  }
  return grid;
}

SimulatedCache simulated_cache(const Napi::Object& object, const ExpertGrid& grid) {
  SimulatedCache cache;
  cache.policy = string_property(object, "policy", cache.policy.c_str());
  cache.hot = optional_int32_array(object, "hot");
  cache.slots.slots = int32_array_property(object, "slots");
  cache.slots.of_layer = optional_int32_array(object, "slotClasses");
  int64_t slots = 0;
  for (const int32_t count : cache.slots.slots) {
    if (count < 0) throw argument_error(object.Env(), concat("slots must be at least 0, are ", count));
    slots += count;
  }
  if (slots > kMostSlots) throw argument_error(object.Env(), concat("a cache may have up to ", kMostSlots, " slots"));
  if (cache.slots.of_layer.empty()) cache.slots.of_layer.resize(static_cast<size_t>(grid.layers));
  return cache;
}

Napi::Value simulate_cache(const Napi::CallbackInfo& info) {
  const auto job = std::make_shared<Job>(job_of(object_argument(info, 0, "options")));
  auto* task = new BackgroundTask<std::vector<SimulatedLayer>>(
      info.Env(),
      [job] {
        return simulate({job->grid, job->routes, job->item_tokens, job->step_items}, job->cache);
      },
      to_javascript_arrays);
  return task->start();
}

}  // namespace moeflow
