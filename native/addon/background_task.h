// Work on one of libuv's threads: for what is short and belongs to no model.
#pragma once

#include <exception>
#include <functional>
#include <optional>

#include "addon/environment.h"
#include "addon/napi_setup.h"

namespace moeflow {

template <typename Result>
class BackgroundTask : public Napi::AsyncWorker {
 public:
  BackgroundTask(Napi::Env env, std::function<Result()> work, std::function<Napi::Value(Napi::Env, Result&)> finish)
      : Napi::AsyncWorker(env),
        deferred_(Napi::Promise::Deferred::New(env)),
        work_(std::move(work)),
        finish_(std::move(finish)) {}

  // The promise gets what `finish` makes of the work's result, on the JavaScript thread, or the error of either.
  Napi::Promise start() {
    Queue();
    return deferred_.Promise();
  }

 private:
  void Execute() override {
    try {
      result_.emplace(work_());
    } catch (...) {
      failure_ = std::current_exception();
    }
  }
  void OnOK() override {
    try {
      if (failure_) std::rethrow_exception(failure_);
      deferred_.Resolve(finish_(Env(), *result_));
    } catch (const std::exception& error) {
      deferred_.Reject(to_javascript(Env(), error).Value());
    }
  }

  Napi::Promise::Deferred deferred_;
  std::function<Result()> work_;
  std::function<Napi::Value(Napi::Env, Result&)> finish_;
  std::optional<Result> result_;
  std::exception_ptr failure_;
};

}  // namespace moeflow
