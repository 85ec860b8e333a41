#include "addon/environment.h"

#include <new>

#include "base/error.h"

namespace moeflow {

Environment::Environment(Napi::Env env)
    : queue_(Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), "moeflow",
                                           0, 1)) {
  queue_.Unref(env);
  // Registered after the queue, so it runs before the queue's own clean-up.
  env.AddCleanupHook([this] { shut_down(); });
}

void Environment::call_soon(Call call) {
  auto* payload = new Call(std::move(call));
  const napi_status status = queue_.NonBlockingCall(payload, [](Napi::Env env, Napi::Function, Call* pending) {
    const std::unique_ptr<Call> owned(pending);
    if (static_cast<napi_env>(env) == nullptr) return;  // draining: no JavaScript any more
    const Napi::HandleScope scope(env);
    (*owned)(env);
  });
  if (status != napi_ok) delete payload;
}

void Environment::begin_request(Napi::Env env) {
  if (requests_++ == 0) queue_.Ref(env);
}

void Environment::end_request(Napi::Env env) {
  if (--requests_ == 0) queue_.Unref(env);
}

void Environment::shut_down() {
  for (const std::shared_ptr<EngineHost>& host : *hosts_) host->shut_down();
  hosts_->clear();
}

Napi::Error to_javascript(Napi::Env env, const std::exception& error) {
  const char* code = error_code_name(ErrorCode::kInternal);
  if (const auto* ours = dynamic_cast<const Error*>(&error)) code = error_code_name(ours->code());
  if (dynamic_cast<const std::bad_alloc*>(&error)) code = error_code_name(ErrorCode::kOutOfMemory);
  Napi::Error result = Napi::Error::New(env, error.what());
  result.Set("code", Napi::String::New(env, code));
  return result;
}

}  // namespace moeflow
