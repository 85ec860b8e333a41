#include "addon/kernel_problem.h"

#include <random>

#include "addon/arguments.h"
#include "addon/environment.h"
#include "base/error.h"

namespace moeflow {
namespace {

DType type_named(const Napi::Object& options) {
  const std::string name = string_property(options, "type", "");
  for (uint32_t number = 0; number < kDTypeTableSize; ++number) {
    const DTypeTraits* t = dtype_traits(number);
    if (t && name == t->name) return static_cast<DType>(number);
  }
  throw argument_error(options.Env(), concat("type ", name, " is unknown"));
}

// Bytes of which every two are a finite half, so that no block decodes to infinity, whatever its layout.
void fill_with_blocks(AlignedBuffer& buffer) {
  std::mt19937_64 random(1);
  auto* words = buffer.as<uint64_t>();
  for (size_t i = 0; i < buffer.size() / sizeof(uint64_t); ++i)
    words[i] = (random() & 0x3b3b3b3b3b3b3b3bU) | 0x2020202020202020U;
}

}  // namespace

void KernelProblem::define(Napi::Env env, Napi::Object exports) {
  exports.Set("KernelProblem", DefineClass(env, "KernelProblem", {InstanceMethod<&KernelProblem::run>("run")}));
}

KernelProblem::KernelProblem(const Napi::CallbackInfo& info) : Napi::ObjectWrap<KernelProblem>(info) {
  const Napi::Object options = object_argument(info, 0, "options");
  const DType type = type_named(options);
  const int64_t rows = integer_property(options, "rows", 1, 1 << 20, std::nullopt);
  const int64_t cols = integer_property(options, "cols", 1, 1 << 16, std::nullopt);
  const int64_t tokens = integer_property(options, "tokens", 1, 1 << 12, 1);
  matrices_ = integer_property(options, "matrices", 1, 1 << 20, 1);
  if (cols % traits(type).block_values != 0) {
    throw argument_error(info.Env(), concat("cols must be a multiple of ", traits(type).block_values));
  }
  try {
    kernels_ = &select_kernels(string_property(options, "kernels", "").c_str());
    const size_t stride = row_bytes(type, static_cast<size_t>(cols));
    const size_t quantized_stride = QuantizedRowLayout(cols).bytes;
    const size_t bytes =
        checked_multiply(stride * static_cast<size_t>(rows), static_cast<uint64_t>(matrices_), "matrices");
    weights_ = AlignedBuffer(bytes, "benchmark weights");
    values_ = AlignedBuffer(static_cast<size_t>(tokens * cols) * sizeof(float), "benchmark activations");
    quantized_ = AlignedBuffer(static_cast<size_t>(tokens) * quantized_stride, "benchmark activations");
    results_ = AlignedBuffer(static_cast<size_t>(tokens * rows) * sizeof(float), "benchmark results");
    scratch_ = AlignedBuffer(matmul_scratch_bytes(cols), "benchmark scratch");
    fill_with_blocks(weights_);
    std::mt19937 random(2);
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < tokens * cols; ++i) values_.as<float>()[i] = normal(random);
    const bool quantizes = kernels_->quantizes_activations && !is_float(type);
    for (int64_t t = 0; t < tokens && quantizes; ++t) {
      kernels_->quantize(values_.as<float>() + t * cols, 0, cols, cols,
                         quantized_.bytes() + static_cast<size_t>(t) * quantized_stride);
    }
    args_.weights = {weights_.bytes(), type, rows, cols, stride};
    args_.row_end = rows;
    args_.activations = {values_.as<float>(), static_cast<size_t>(cols), quantized_.bytes(), quantized_stride};
    args_.token_count = tokens;
    args_.y = results_.as<float>();
    args_.y_stride = static_cast<size_t>(rows);
    args_.scratch = scratch_.bytes();
  } catch (const Error& error) {
    throw to_javascript(info.Env(), error);
  }
}

Napi::Value KernelProblem::run(const Napi::CallbackInfo& info) {
  MatmulArgs args = args_;
  args.weights.data += static_cast<size_t>(next_) * args.weights.row_bytes * static_cast<size_t>(args.weights.rows);
  kernels_->matmul(args);
  next_ = (next_ + 1) % matrices_;
  return info.Env().Undefined();
}

}  // namespace moeflow
