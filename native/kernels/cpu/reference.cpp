// The reference: weights dequantised value by value, float activations, sums in double. Slow, and obviously right.
// Everything that is not a product with weights it shares with the portable set.
#include "kernels/cpu/sets.h"

namespace moeflow {
namespace {

void matmul(const MatmulArgs& args) {
  auto* row = reinterpret_cast<float*>(args.scratch);
  for (int64_t r = args.row_begin; r < args.row_end; ++r) {
    dequantize(args.weights.type, args.weights.data + static_cast<size_t>(r) * args.weights.row_bytes,
               args.weights.cols, row);
    for (int64_t i = 0; i < args.token_count; ++i) {
      const int64_t token = args.tokens ? args.tokens[i] : i;
      const float* x = args.activations.values + static_cast<size_t>(token) * args.activations.stride;
      double sum = 0;
      for (int64_t c = 0; c < args.weights.cols; ++c) sum += static_cast<double>(row[c]) * static_cast<double>(x[c]);
      args.y[static_cast<size_t>(i) * args.y_stride + static_cast<size_t>(r - args.row_begin)] =
          static_cast<float>(sum);
    }
  }
}

KernelSet make_set() {
  KernelSet set = portable_kernels();
  set.name = "reference";
  set.quantizes_activations = false;
  set.matmul = matmul;
  return set;
}

}  // namespace

const KernelSet& reference_kernels() {
  static const KernelSet set = make_set();
  return set;
}

}  // namespace moeflow
