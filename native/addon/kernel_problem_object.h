// A kernel at work on data of no meaning, for benchmarks: NativeKernelProblem in lib/native.ts.
#pragma once

#include <memory>

#include "addon/napi_setup.h"
#include "kernels/problem.h"

namespace moeflow {

class KernelProblemObject : public Napi::ObjectWrap<KernelProblemObject> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit KernelProblemObject(const Napi::CallbackInfo& info);

 private:
  // Runs the kernel once, on the calling thread.
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value bytes(const Napi::CallbackInfo& info);
  Napi::Value multiplications(const Napi::CallbackInfo& info);

  std::unique_ptr<KernelProblem> problem_;
};

}  // namespace moeflow
