#include "addon/kernel_problem_object.h"

#include "addon/arguments.h"
#include "addon/conversions.h"

namespace moeflow {
namespace {

std::unique_ptr<KernelProblem> make_problem(const Napi::Object& options) {
  const KernelSet& kernels = select_kernels(string_property(options, "kernels", "").c_str());
  const std::string kernel = string_property(options, "kernel", "matmul");
  const DType type = dtype_argument(options.Env(), string_property(options, "type", "F32"));
  const int64_t cols = integer_property(options, "cols", 1, 1 << 16, std::nullopt);
  const int64_t tokens = integer_property(options, "tokens", 1, 1 << 12, 1);
  if (kernel == "matmul") {
    const int64_t rows = integer_property(options, "rows", 1, 1 << 20, std::nullopt);
    const int64_t matrices = integer_property(options, "matrices", 1, 1 << 20, 1);
    return make_matmul_problem(kernels, type, rows, cols, tokens, matrices);
  }
  if (kernel == "attention") {
    const int64_t positions = integer_property(options, "positions", 1, 1 << 20, std::nullopt);
    return make_attention_problem(kernels, type, cols, positions, tokens);
  }
  return make_row_problem(kernels, kernel.c_str(), cols);
}

}  // namespace

void KernelProblemObject::define(Napi::Env env, Napi::Object exports) {
  exports.Set("KernelProblem",
              DefineClass(env, "KernelProblem",
                          {InstanceMethod<&KernelProblemObject::run>("run"),
                           InstanceAccessor<&KernelProblemObject::bytes>("bytes"),
                           InstanceAccessor<&KernelProblemObject::multiplications>("multiplications")}));
}

KernelProblemObject::KernelProblemObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<KernelProblemObject>(info) {
  or_javascript_error(info.Env(), [&] { problem_ = make_problem(object_argument(info, 0, "options")); });
}

Napi::Value KernelProblemObject::run(const Napi::CallbackInfo& info) {
  problem_->run();
  return info.Env().Undefined();
}

Napi::Value KernelProblemObject::bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(problem_->bytes));
}

Napi::Value KernelProblemObject::multiplications(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(problem_->multiplications));
}

}  // namespace moeflow
