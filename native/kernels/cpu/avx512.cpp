// AVX-512 with VNNI: 16 weight rows per panel.
#include <immintrin.h>

#include "kernels/cpu/isa_prelude.h"
#include "kernels/cpu/sets.h"

namespace moeflow {
namespace {
// Slow on AMD's processors, and on Intel's before AMX since they guard against CVE-2022-40982. Measured (Zen 5, Q4_0,
// cycles per 16 rows of 32 weights in L2): 39 with gathers, 27 with loads one by one.
constexpr bool kFastGather = false;

#include "kernels/cpu/isa_avx512.inl"
//
#include "kernels/cpu/weight_blocks.inl"
//
#include "kernels/cpu/panel_matmul.inl"
//
#include "kernels/cpu/float_matmul.inl"
//
#include "kernels/cpu/elementwise.inl"
//
#include "kernels/cpu/attention.inl"
//
#include "kernels/cpu/kernel_set.inl"
constexpr KernelSet kSet = make_kernel_set("avx512");
}  // namespace

const KernelSet& avx512_kernels() { return kSet; }

}  // namespace moeflow
