// The JavaScript face of an engine: NativeModel in lib/native.ts. Every method that works returns a promise.
#pragma once

#include <memory>

#include "addon/counters_so_far.h"
#include "addon/environment.h"
#include "addon/facts.h"
#include "addon/napi_setup.h"

namespace moeflow {

// A flag that JavaScript sets to cancel a load or a step.
class CancelObject : public Napi::ObjectWrap<CancelObject> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit CancelObject(const Napi::CallbackInfo& info);

  // The flag in argument `index`; a fresh one where that is undefined.
  static CancelFlag of(const Napi::CallbackInfo& info, size_t index);

 private:
  Napi::Value cancel(const Napi::CallbackInfo& info);
  CancelFlag flag_;
};

class ModelObject : public Napi::ObjectWrap<ModelObject> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit ModelObject(const Napi::CallbackInfo& info);
  ~ModelObject() override;

 private:
  static Napi::Value load(const Napi::CallbackInfo& info);
  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value metadata(const Napi::CallbackInfo& info);
  Napi::Value create_sequence(const Napi::CallbackInfo& info);
  Napi::Value share_sequence(const Napi::CallbackInfo& info);
  Napi::Value free_sequence(const Napi::CallbackInfo& info);
  Napi::Value truncate_sequence(const Napi::CallbackInfo& info);
  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value kv_blocks_in_use(const Napi::CallbackInfo& info);
  Napi::Value counters(const Napi::CallbackInfo& info);
  Napi::Value experts(const Napi::CallbackInfo& info);
  Napi::Value layer_counters(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  EngineHost& host(Napi::Env env) const;
  // A promise of what `change` makes of the engine's sequences.
  template <typename Result, typename Change>
  Napi::Value change_sequences(Napi::Env env, Change change, Napi::Value (*to_javascript)(Napi::Env, Result&)) const;

  std::shared_ptr<EngineHost> host_;  // null once disposed of
  std::shared_ptr<Environment::Hosts> hosts_;
  std::shared_ptr<CountersSoFar> counters_;
  Napi::ObjectReference info_;
};

}  // namespace moeflow
