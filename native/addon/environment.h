// What the addon keeps per JavaScript environment (the main thread, or a worker): the way back to its thread, and the
// engines that must be stopped before the environment ends.
#pragma once

#include <functional>
#include <memory>
#include <set>

#include "addon/napi_setup.h"
#include "engine/host.h"

namespace moeflow {

class Environment {
 public:
  explicit Environment(Napi::Env env);

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  // The engines that live. Outlives the environment where a model's finaliser runs after it.
  using Hosts = std::set<std::shared_ptr<EngineHost>>;
  const std::shared_ptr<Hosts>& hosts() const { return hosts_; }

  // Runs on the JavaScript thread, soon. Callable from any thread as long as a host of this environment lives; dropped
  // when the environment is going down.
  using Call = std::function<void(Napi::Env)>;
  void call_soon(Call call);

  // The event loop stays alive while requests are under way. JavaScript thread only.
  void begin_request(Napi::Env env);
  void end_request(Napi::Env env);

  Napi::FunctionReference cancel_flag_constructor;
  Napi::FunctionReference model_constructor;
  Napi::FunctionReference route_predictor_constructor;

 private:
  // Joins all engine threads; runs before Node takes down what they would call.
  void shut_down();

  Napi::ThreadSafeFunction queue_;
  std::shared_ptr<Hosts> hosts_ = std::make_shared<Hosts>();
  int requests_ = 0;
};

// An Error of the core as a JavaScript error with `code`.
Napi::Error to_javascript(Napi::Env env, const std::exception& error);

// Carries out `work` on the host's thread and settles the promise with what `finish` makes of its result. Result is
// made on that thread and turned into JavaScript on the other, where `clean_up` runs if either fails.
template <typename Result>
Napi::Promise run_on_host(
    Napi::Env env, EngineHost& host, const CancelFlag& cancel,
    std::function<Result(std::unique_ptr<Engine>&, const std::atomic<bool>&)> work,
    std::function<Napi::Value(Napi::Env, Result&)> finish, std::function<void(Napi::Env)> clean_up = [](Napi::Env) {});

}  // namespace moeflow

#include "addon/environment_inl.h"
