// run_on_host, see environment.h.
#pragma once

#include <exception>
#include <optional>

namespace moeflow {

template <typename Result>
Napi::Promise run_on_host(Napi::Env env, EngineHost& host, const CancelFlag& cancel,
                          std::function<Result(std::unique_ptr<Engine>&, const std::atomic<bool>&)> work,
                          std::function<Napi::Value(Napi::Env, Result&)> finish,
                          std::function<void(Napi::Env)> clean_up) {
  Environment& environment = Environment::of(env);
  const Napi::Promise::Deferred deferred = Napi::Promise::Deferred::New(env);
  environment.begin_request(env);
  host.post(
      [&environment, deferred, work = std::move(work), finish = std::move(finish), clean_up = std::move(clean_up)](
          std::unique_ptr<Engine>& engine, const std::atomic<bool>& cancelled) {
        auto result = std::make_shared<std::optional<Result>>();
        std::exception_ptr failure;
        try {
          result->emplace(work(engine, cancelled));
        } catch (...) {
          failure = std::current_exception();
        }
        environment.call_soon([deferred, result, failure, finish, clean_up](Napi::Env js) {
          Environment::of(js).end_request(js);
          try {
            if (failure) std::rethrow_exception(failure);
            deferred.Resolve(finish(js, **result));
          } catch (const Napi::Error& error) {
            clean_up(js);
            deferred.Reject(error.Value());
          } catch (const std::exception& error) {
            clean_up(js);
            deferred.Reject(to_javascript(js, error).Value());
          }
        });
      },
      cancel);
  return deferred.Promise();
}

}  // namespace moeflow
