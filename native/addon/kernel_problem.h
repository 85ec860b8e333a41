// One kernel at work on weights of no meaning, for benchmarks: NativeKernelProblem in lib/native.ts.
#pragma once

#include "addon/napi_setup.h"
#include "base/memory.h"
#include "kernels/kernels.h"

namespace moeflow {

class KernelProblem : public Napi::ObjectWrap<KernelProblem> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit KernelProblem(const Napi::CallbackInfo& info);

 private:
  // Multiplies the next of the matrices with all tokens, on the calling thread.
  Napi::Value run(const Napi::CallbackInfo& info);

  const KernelSet* kernels_ = nullptr;
  int64_t matrices_ = 0;
  int64_t next_ = 0;
  MatmulArgs args_;
  AlignedBuffer weights_, values_, quantized_, results_, scratch_;
};

}  // namespace moeflow
