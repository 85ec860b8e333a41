// Kernels at work on data of no meaning, to be timed.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/kernels.h"

namespace moeflow {

class KernelProblem {
 public:
  virtual ~KernelProblem() = default;
  // Runs the kernel once, on the calling thread.
  virtual void run() = 0;

  size_t bytes = 0;            // that one run reads and writes, activations of a product excepted
  size_t multiplications = 0;  // of one run, 0 where they do not bound it
};

// A product with the next of `matrices` weights of that shape. Throws Error(kInvalidArgument, kOutOfMemory).
std::unique_ptr<KernelProblem> make_matmul_problem(const KernelSet& kernels, DType type, int64_t rows, int64_t cols,
                                                   int64_t tokens, int64_t matrices);

// One of "quantize", "rms_norm", "silu_multiply", "clamped_swiglu", "add_scaled" on a row of `cols` values, a multiple
// of
// 32. Throws Error(kInvalidArgument, kOutOfMemory).
std::unique_ptr<KernelProblem> make_row_problem(const KernelSet& kernels, const char* kernel, int64_t cols);

// `queries` neighbouring queries of one head of `dim` values; the last one sees all `positions`, each one before it one
// less. `type` is F16 or F32, of the cache. Throws Error(kInvalidArgument, kOutOfMemory).
std::unique_ptr<KernelProblem> make_attention_problem(const KernelSet& kernels, DType type, int64_t dim,
                                                      int64_t positions, int64_t queries);

}  // namespace moeflow
