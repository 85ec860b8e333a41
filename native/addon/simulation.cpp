#include "addon/simulation.h"

#include "addon/arguments.h"
#include "addon/background_task.h"
#include "experts/simulation.h"

namespace moeflow {
namespace {

// A trace that owns its numbers.
struct Job {
  ExpertGrid grid;
  std::vector<int32_t> routes;
  std::vector<int32_t> item_tokens;
  std::vector<int32_t> step_items;
  SimulationOptions options;
};

std::vector<int32_t> optional_array(const Napi::Object& object, const char* name) {
  return object.Get(name).IsUndefined() ? std::vector<int32_t>() : int32_array_property(object, name);
}

Job job_of(const Napi::Object& object) {
  constexpr int64_t kMost = 1 << 20;
  const auto count = [&](const char* name) {
    return static_cast<int32_t>(integer_property(object, name, 1, kMost, std::nullopt));
  };
  Job job;
  job.grid.layers = job.grid.routed_layers = count("layers");
  job.grid.per_layer = count("experts");
  job.grid.used = count("expertsUsed");
  if (int64_t{job.grid.layers} * job.grid.per_layer > kMost * 16) {
    throw argument_error(object.Env(), "layers times experts must be at most 2^24");
  }
  job.routes = int32_array_property(object, "routes");
  job.item_tokens = optional_array(object, "itemTokens");
  job.step_items = optional_array(object, "stepItems");
  job.options.policy = string_property(object, "policy", job.options.policy.c_str());
  job.options.hot = optional_array(object, "hot");
  job.options.slots.slots = int32_array_property(object, "slots");
  job.options.slots.of_layer = optional_array(object, "slotClasses");
  if (job.options.slots.of_layer.empty()) job.options.slots.of_layer.resize(static_cast<size_t>(job.grid.layers));
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

Napi::Value simulate_cache(const Napi::CallbackInfo& info) {
  const auto job = std::make_shared<Job>(job_of(object_argument(info, 0, "options")));
  auto* task = new BackgroundTask<std::vector<SimulatedLayer>>(
      info.Env(),
      [job] {
        return simulate({job->grid, job->routes, job->item_tokens, job->step_items}, job->options);
      },
      to_javascript_arrays);
  return task->start();
}

}  // namespace moeflow
