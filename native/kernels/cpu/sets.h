// The kernel sets that this build holds. Each is safe to call only where cpu_features() says so.
#pragma once

#include "kernels/kernels.h"

namespace moeflow {

const KernelSet& reference_kernels();
const KernelSet& portable_kernels();
#if defined(__x86_64__)
const KernelSet& avx2_kernels();
const KernelSet& avx512_kernels();
const KernelSet& amx_kernels();
#elif defined(__aarch64__)
const KernelSet& neon_kernels();
#endif

}  // namespace moeflow
