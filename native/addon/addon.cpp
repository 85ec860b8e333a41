// What the addon exports: NativeAddon in lib/native.ts.
#include <cstring>

#include "addon/arguments.h"
#include "addon/background_task.h"
#include "addon/engine_arguments.h"
#include "addon/facts.h"
#include "addon/kernel_problem_object.h"
#include "addon/model_object.h"
#include "addon/napi_setup.h"
#include "addon/route_dataset_object.h"
#include "addon/simulation.h"
#include "addon/simulator_object.h"
#include "base/bandwidth.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/processors.h"
#include "experts/measure_reads.h"
#include "kernels/kernels.h"

namespace moeflow {
namespace {

struct Inspection {
  gguf::ModelFiles files;
  std::optional<ModelDescription> description;
  std::string problem;  // why there is no description
};

Inspection inspect_files(const std::vector<std::string>& paths) {
  Inspection inspection;
  inspection.files = gguf::open_model_files(paths);
  try {
    inspection.description = describe_model(Model(inspection.files));
  } catch (const Error& error) {
    inspection.problem = error.what();
  }
  return inspection;
}

Napi::Value inspection_to_javascript(Napi::Env env, Inspection& inspection) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("metadata", metadata_to_javascript(env, inspection.files.metadata));
  Napi::Array tensors = Napi::Array::New(env, inspection.files.tensors.size());
  for (size_t i = 0; i < inspection.files.tensors.size(); ++i) {
    const gguf::Tensor& t = inspection.files.tensors[i];
    Napi::Object tensor = Napi::Object::New(env);
    tensor.Set("name", t.name);
    tensor.Set("type", traits(t.type).name);
    Napi::Array shape = Napi::Array::New(env, t.n_dims);
    for (uint32_t d = 0; d < t.n_dims; ++d) shape.Set(d, Napi::Number::New(env, static_cast<double>(t.dims[d])));
    tensor.Set("shape", shape);
    tensor.Set("file", inspection.files.paths[t.file]);
    tensor.Set("offset", Napi::Number::New(env, static_cast<double>(t.offset)));
    tensor.Set("bytes", Napi::Number::New(env, static_cast<double>(t.bytes)));
    tensors.Set(static_cast<uint32_t>(i), tensor);
  }
  object.Set("tensors", tensors);
  if (inspection.description) {
    object.Set("model", description_to_javascript(env, *inspection.description));
  } else {
    object.Set("problem", inspection.problem);
  }
  return object;
}

Napi::Value inspect(const Napi::CallbackInfo& info) {
  const Napi::Object options = object_argument(info, 0, "options");
  const std::vector<std::string> paths = strings_property(options, "paths");
  auto* task = new BackgroundTask<Inspection>(
      info.Env(), [paths] { return inspect_files(paths); }, inspection_to_javascript);
  return task->start();
}

Napi::Value plan(const Napi::CallbackInfo& info) {
  const EngineOptions options = engine_options(object_argument(info, 0, "options"));
  auto* task = new BackgroundTask<MemoryPlan>(
      info.Env(), [options] { return plan_engine(options); }, memory_to_javascript);
  return task->start();
}

Napi::Value measure_bandwidth(const Napi::CallbackInfo& info) {
  const Napi::Object options = object_argument(info, 0, "options");
  const auto threads = static_cast<int>(integer_property(options, "threads", 1, 256, usable_processors()));
  auto* task = new BackgroundTask<double>(
      info.Env(), [threads] { return measure_read_bandwidth(threads); },
      [](Napi::Env env, double& value) -> Napi::Value { return Napi::Number::New(env, value); });
  return task->start();
}

Napi::Value speed_to_javascript(Napi::Env env, ReadSpeed& speed) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("bytesPerSecond", speed.bytes_per_second);
  object.Set("method", speed.backend);
  return object;
}

// measureReads(options, cancelFlag) -> Promise
Napi::Value measure_read_speed(const Napi::CallbackInfo& info) {
  const Napi::Object object = object_argument(info, 0, "options");
  const std::string path = string_property(object, "path", "");
  const double seconds = number_property(object, "seconds", 0, 1, 0.1);
  const ReadOptions options = read_options(object);
  const CancelFlag cancel = CancelObject::of(info, 1);
  auto* task = new BackgroundTask<ReadSpeed>(
      info.Env(), [=] { return measure_reads(path, options, seconds, *cancel); }, speed_to_javascript);
  return task->start();
}

// dequantize(type name, bytes) -> Float32Array
Napi::Value dequantize_blocks(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string name = string_argument(info, 0, "type");
  if (!info[1].IsTypedArray() || info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw argument_error(env, "bytes must be a Uint8Array");
  }
  const auto bytes = info[1].As<Napi::Uint8Array>();
  const DType type = dtype_argument(env, name);
  const DTypeTraits& t = traits(type);
  if (bytes.ElementLength() % t.block_bytes != 0) {
    throw argument_error(
        env, concat("bytes: ", bytes.ElementLength(), " is not a multiple of ", name, "'s block of ", t.block_bytes));
  }
  const size_t values = bytes.ElementLength() / t.block_bytes * t.block_values;
  Napi::Float32Array result = Napi::Float32Array::New(env, values);
  if (values > 0) dequantize(type, bytes.Data(), static_cast<int64_t>(values), result.Data());
  return result;
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment(env));
  CancelObject::define(env, exports);
  ModelObject::define(env, exports);
  KernelProblemObject::define(env, exports);
  CacheSimulatorObject::define(env, exports);
  RoutePredictorObject::define(env, exports);
  RouteDatasetObject::define(env, exports);
  exports.Set("plan", Napi::Function::New<plan>(env, "plan"));
  exports.Set("inspect", Napi::Function::New<inspect>(env, "inspect"));
  exports.Set("simulateCache", Napi::Function::New<simulate_cache>(env, "simulateCache"));
  exports.Set("measureReadBandwidth", Napi::Function::New<measure_bandwidth>(env, "measureReadBandwidth"));
  exports.Set("measureReads", Napi::Function::New<measure_read_speed>(env, "measureReads"));
  exports.Set("availableReadMethods", Napi::String::New(env, available_read_methods()));
  exports.Set("dequantize", Napi::Function::New<dequantize_blocks>(env, "dequantize"));
  exports.Set("availableKernels", Napi::String::New(env, available_kernels()));
  exports.Set("usableProcessors", Napi::Number::New(env, usable_processors()));
  exports.Set("residentBytes", Napi::Function::New(
                                   env,
                                   [](const Napi::CallbackInfo& info) -> Napi::Value {
                                     return Napi::Number::New(info.Env(), static_cast<double>(resident_bytes()));
                                   },
                                   "residentBytes"));
  return exports;
}

}  // namespace
}  // namespace moeflow

Napi::Object initialize_moeflow(Napi::Env env, Napi::Object exports) { return moeflow::initialize(env, exports); }

NODE_API_MODULE(moeflow, initialize_moeflow)
