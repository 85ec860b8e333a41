// The JavaScript face of simulated caches: NativeCacheSimulator in lib/native.ts.
#pragma once

#include <memory>

#include "addon/napi_setup.h"

namespace moeflow {

class CacheSimulatorObject : public Napi::ObjectWrap<CacheSimulatorObject> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit CacheSimulatorObject(const Napi::CallbackInfo& info);

 private:
  struct State;

  Napi::Value push(const Napi::CallbackInfo& info);
  Napi::Value empty_caches(const Napi::CallbackInfo& info);
  Napi::Value finish(const Napi::CallbackInfo& info);
  void begin_work(Napi::Env env);

  std::shared_ptr<State> state_;  // outlives the object while work is under way
};

}  // namespace moeflow
