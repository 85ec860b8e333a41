#include "addon/model_object.h"

#include <limits>

#include "addon/arguments.h"
#include "addon/conversions.h"
#include "addon/engine_arguments.h"
#include "addon/step_arguments.h"
#include "base/error.h"

namespace moeflow {
namespace {

struct Nothing {};

Napi::Value undefined(Napi::Env env, Nothing&) { return env.Undefined(); }

Engine& loaded(std::unique_ptr<Engine>& engine) {
  if (!engine) fail(ErrorCode::kDisposed, "the model was disposed of");
  return *engine;
}

// Progress on its way to a JavaScript function: at most one call is under way, so that a slow listener is never
// flooded. It tells how far things are when it arrives, so that the last one tells the end.
class ProgressReporter {
 public:
  ProgressReporter(Napi::Env env, const Napi::Value& function)
      : environment_(Environment::of(env)), function_(std::make_shared<Napi::FunctionReference>()) {
    if (function.IsFunction()) *function_ = Napi::Persistent(function.As<Napi::Function>());
  }

  bool wanted() const { return !function_->IsEmpty(); }
  // Engine's threads, one at a time.
  void report(uint64_t bytes, uint64_t total) const {
    state_->bytes.store(bytes);
    if (state_->pending.exchange(true)) return;
    environment_.call_soon([function = function_, state = state_, total](Napi::Env env) {
      state->pending.store(false);  // before the bytes are read: who finds it true knows that its bytes will be seen
      const auto bytes = static_cast<double>(state->bytes.load());
      if (function->IsEmpty()) return;
      function->Call({Napi::Number::New(env, bytes), Napi::Number::New(env, static_cast<double>(total))});
    });
  }
  // JavaScript thread: the reference must die there.
  void stop() const { function_->Reset(); }

 private:
  struct State {
    std::atomic<uint64_t> bytes = 0;
    std::atomic<bool> pending = false;
  };

  Environment& environment_;
  std::shared_ptr<Napi::FunctionReference> function_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

struct Loaded {
  ModelDescription description;
  int threads;
  int context_length;
  int batch_rows;
  bool half_cache;
  std::string kernels;
  std::string policy;
  int device_slots;
  MemoryPlan memory;
};

Loaded load_engine(std::unique_ptr<Engine>& engine, const EngineOptions& options, const std::atomic<bool>& cancelled,
                   const ProgressReporter& progress) {
  LoadControl control;
  control.cancelled = &cancelled;
  control.check();
  if (progress.wanted()) control.progress = [&](uint64_t bytes, uint64_t total) { progress.report(bytes, total); };
  engine = std::make_unique<Engine>(options, control);
  const CachedExperts* cache = engine->expert_cache();
  return {describe_model(engine->model()),
          engine->threads(),
          engine->context_length(),
          engine->batch_rows(),
          engine->kv_layout().half,
          engine->kernels().name,
          cache ? cache->policy() : "resident",
          engine->tiers().device_cache() ? engine->tiers().device_cache()->slots() : 0,
          engine->memory_plan()};
}

Napi::Object loaded_to_javascript(Napi::Env env, const Loaded& loaded) {
  Napi::Object info = description_to_javascript(env, loaded.description);
  info.Set("threads", loaded.threads);
  info.Set("contextLength", loaded.context_length);
  info.Set("batchRows", loaded.batch_rows);
  info.Set("kvType", loaded.half_cache ? "f16" : "f32");
  info.Set("kernels", loaded.kernels);
  info.Set("policy", loaded.policy);
  info.Set("deviceSlots", loaded.device_slots);
  info.Set("memory", memory_to_javascript(env, loaded.memory));
  return info;
}

}  // namespace

void CancelObject::define(Napi::Env env, Napi::Object exports) {
  const Napi::Function constructor = DefineClass(env, "CancelFlag", {InstanceMethod<&CancelObject::cancel>("cancel")});
  Environment::of(env).cancel_flag_constructor = Napi::Persistent(constructor);
  exports.Set("CancelFlag", constructor);
}

CancelObject::CancelObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<CancelObject>(info), flag_(std::make_shared<std::atomic<bool>>(false)) {}

Napi::Value CancelObject::cancel(const Napi::CallbackInfo& info) {
  flag_->store(true);
  return info.Env().Undefined();
}

CancelFlag CancelObject::of(const Napi::CallbackInfo& info, size_t index) {
  if (info[index].IsUndefined()) return std::make_shared<std::atomic<bool>>(false);
  const Napi::Object object = object_argument(info, index, "cancelFlag");
  if (!object.InstanceOf(Environment::of(info.Env()).cancel_flag_constructor.Value())) {
    throw argument_error(info.Env(), "cancelFlag must be a CancelFlag");
  }
  return Unwrap(object)->flag_;
}

void ModelObject::define(Napi::Env env, Napi::Object exports) {
  const Napi::Function constructor = DefineClass(
      env, "Model",
      {StaticMethod<&ModelObject::load>("load"), InstanceMethod<&ModelObject::info>("info"),
       InstanceMethod<&ModelObject::metadata>("metadata"),
       InstanceMethod<&ModelObject::create_sequence>("createSequence"),
       InstanceMethod<&ModelObject::share_sequence>("shareSequence"),
       InstanceMethod<&ModelObject::free_sequence>("freeSequence"),
       InstanceMethod<&ModelObject::truncate_sequence>("truncateSequence"), InstanceMethod<&ModelObject::step>("step"),
       InstanceMethod<&ModelObject::kv_blocks_in_use>("kvBlocksInUse"),
       InstanceMethod<&ModelObject::counters>("counters"), InstanceMethod<&ModelObject::experts>("experts"),
       InstanceMethod<&ModelObject::layer_counters>("layerCounters"),
       InstanceMethod<&ModelObject::dispose>("dispose")});
  Environment::of(env).model_constructor = Napi::Persistent(constructor);
  exports.Set("Model", constructor);
}

ModelObject::ModelObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelObject>(info) {
  if (!info[0].IsExternal()) throw argument_error(info.Env(), "use Model.load()");
  host_ = *info[0].As<Napi::External<std::shared_ptr<EngineHost>>>().Data();
  hosts_ = Environment::of(info.Env()).hosts();
}

// For a model that was dropped without dispose(): a net, not the mechanism.
ModelObject::~ModelObject() {
  if (!host_) return;
  host_->shut_down();
  hosts_->erase(host_);
}

EngineHost& ModelObject::host(Napi::Env env) const {
  if (!host_) throw to_javascript(env, Error(ErrorCode::kDisposed, "the model was disposed of"));
  return *host_;
}

Napi::Value ModelObject::load(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const EngineOptions options = engine_options(object_argument(info, 0, "options"));
  const CancelFlag cancel = CancelObject::of(info, 1);
  const ProgressReporter progress(env, info[2]);
  const auto host = std::make_shared<EngineHost>();
  const auto counters = std::make_shared<CountersSoFar>();
  Environment::of(env).hosts()->insert(host);
  return run_on_host<Loaded>(
      env, *host, cancel,
      [options, progress, counters](std::unique_ptr<Engine>& engine, const std::atomic<bool>& cancelled) {
        Loaded loaded = load_engine(engine, options, cancelled, progress);
        counters->advance(*engine);
        return loaded;
      },
      [host, progress, counters](Napi::Env js, Loaded& loaded) -> Napi::Value {
        progress.stop();
        std::shared_ptr<EngineHost> keep = host;
        const Napi::Object model =
            Environment::of(js).model_constructor.New({Napi::External<std::shared_ptr<EngineHost>>::New(js, &keep)});
        Unwrap(model)->counters_ = counters;
        Unwrap(model)->info_ = Napi::Persistent(loaded_to_javascript(js, loaded));
        return model;
      },
      [host, progress](Napi::Env js) {
        progress.stop();
        host->shut_down();  // nobody else knows this host, so its thread would wait for ever
        Environment::of(js).hosts()->erase(host);
      });
}

Napi::Value ModelObject::info(const Napi::CallbackInfo&) { return info_.Value(); }

Napi::Value ModelObject::counters(const Napi::CallbackInfo& info) {
  const CountersSoFar::Values values = counters_->values();
  Napi::Object object = counters_to_javascript(info.Env(), values.counters);
  if (values.foresight) object.Set("foresight", foresight_to_javascript(info.Env(), *values.foresight));
  return object;
}

Napi::Value ModelObject::metadata(const Napi::CallbackInfo& info) {
  return run_on_host<gguf::Metadata>(
      info.Env(), host(info.Env()), std::make_shared<std::atomic<bool>>(false),
      [](std::unique_ptr<Engine>& engine, const std::atomic<bool>&) { return loaded(engine).model().files.metadata; },
      [](Napi::Env js, gguf::Metadata& metadata) -> Napi::Value { return metadata_to_javascript(js, metadata); });
}

template <typename Result, typename Change>
Napi::Value ModelObject::change_sequences(Napi::Env env, Change change,
                                          Napi::Value (*to_javascript)(Napi::Env, Result&)) const {
  return run_on_host<Result>(
      env, host(env), std::make_shared<std::atomic<bool>>(false),
      [change, counters = counters_](std::unique_ptr<Engine>& engine, const std::atomic<bool>&) {
        Result result = change(loaded(engine));
        counters->see_sequences(*engine);
        return result;
      },
      to_javascript);
}

namespace {

Napi::Value number(Napi::Env env, int32_t& id) { return Napi::Number::New(env, id); }

int32_t integer_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  const double number = info[index].IsNumber() ? info[index].As<Napi::Number>().DoubleValue() : -1;
  if (number < 0 || number > std::numeric_limits<int32_t>::max() || number != static_cast<int32_t>(number)) {
    throw argument_error(info.Env(), concat(name, " must be an integer of at least 0"));
  }
  return static_cast<int32_t>(number);
}

}  // namespace

Napi::Value ModelObject::create_sequence(const Napi::CallbackInfo& info) {
  return change_sequences<int32_t>(
      info.Env(), [](Engine& engine) { return engine.create_sequence(); }, number);
}

Napi::Value ModelObject::share_sequence(const Napi::CallbackInfo& info) {
  const int32_t id = integer_argument(info, 0, "sequence");
  const int32_t length = integer_argument(info, 1, "length");
  return change_sequences<int32_t>(
      info.Env(), [id, length](Engine& engine) { return engine.share_sequence(id, length); }, number);
}

Napi::Value ModelObject::free_sequence(const Napi::CallbackInfo& info) {
  const int32_t id = integer_argument(info, 0, "sequence");
  return change_sequences<Nothing>(
      info.Env(),
      [id](Engine& engine) {
        engine.free_sequence(id);
        return Nothing{};
      },
      undefined);
}

Napi::Value ModelObject::truncate_sequence(const Napi::CallbackInfo& info) {
  const int32_t id = integer_argument(info, 0, "sequence");
  const int32_t length = integer_argument(info, 1, "length");
  return change_sequences<Nothing>(
      info.Env(),
      [id, length](Engine& engine) {
        engine.truncate_sequence(id, length);
        return Nothing{};
      },
      undefined);
}

Napi::Value ModelObject::kv_blocks_in_use(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(counters_->kv_blocks_in_use()));
}

namespace {

StepResult run_step(Engine& engine, const std::vector<StepItem>& items, const std::atomic<bool>& cancelled,
                    const Prediction& predicted, CountersSoFar& counters) {
  try {
    StepResult result;
    result.items = engine.step(items, cancelled, predicted_experts(predicted, engine.model().config));
    result.spent = counters.advance(engine);
    return result;
  } catch (...) {
    counters.advance(engine);
    throw;
  }
}

}  // namespace

Napi::Value ModelObject::step(const Napi::CallbackInfo& info) {
  auto items = std::make_shared<std::vector<StepItem>>(step_items(info, 0));
  auto predicted = std::make_shared<Prediction>(prediction(info, 2));
  return run_on_host<StepResult>(
      info.Env(), host(info.Env()), CancelObject::of(info, 1),
      [items, predicted, counters = counters_](std::unique_ptr<Engine>& engine, const std::atomic<bool>& cancelled) {
        return run_step(loaded(engine), *items, cancelled, *predicted, *counters);
      },
      [](Napi::Env js, StepResult& result) { return result_to_javascript(js, result); });
}

Napi::Value ModelObject::experts(const Napi::CallbackInfo& info) {
  return run_on_host<ExpertReport>(
      info.Env(), host(info.Env()), std::make_shared<std::atomic<bool>>(false),
      [](std::unique_ptr<Engine>& engine, const std::atomic<bool>&) { return loaded(engine).experts(); },
      [](Napi::Env js, ExpertReport& report) -> Napi::Value {
        Napi::Object object = Napi::Object::New(js);
        object.Set("uses", array_of(js, report.uses));
        object.Set("inMemory", array_of(js, report.in_memory));
        return object;
      });
}

Napi::Value ModelObject::layer_counters(const Napi::CallbackInfo& info) {
  return run_on_host<std::vector<CacheCounters>>(
      info.Env(), host(info.Env()), std::make_shared<std::atomic<bool>>(false),
      [](std::unique_ptr<Engine>& engine, const std::atomic<bool>&) {
        const Engine& running = loaded(engine);
        std::vector<CacheCounters> layers = running.tiers().host_counters();
        // Dense layers have none.
        if (!layers.empty()) layers.erase(layers.begin(), layers.begin() + running.model().config.leading_dense_layers);
        return layers;
      },
      [](Napi::Env js, std::vector<CacheCounters>& layers) -> Napi::Value {
        const Napi::Array array = Napi::Array::New(js, layers.size());
        for (size_t i = 0; i < layers.size(); ++i) {
          array.Set(static_cast<uint32_t>(i), counters_to_javascript(js, layers[i]));
        }
        return array;
      });
}

Napi::Value ModelObject::dispose(const Napi::CallbackInfo& info) {
  EngineHost& running = host(info.Env());
  running.cancel_all();
  const std::shared_ptr<EngineHost> host = std::move(host_);
  host_ = nullptr;
  return run_on_host<Nothing>(
      info.Env(), running, std::make_shared<std::atomic<bool>>(false),
      [](std::unique_ptr<Engine>& engine, const std::atomic<bool>&) {
        engine.reset();
        return Nothing{};
      },
      [host](Napi::Env js, Nothing&) -> Napi::Value {
        host->shut_down();  // idle by now: this only joins a thread that is about to end
        Environment::of(js).hosts()->erase(host);
        return js.Undefined();
      });
}

}  // namespace moeflow
