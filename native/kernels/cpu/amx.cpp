// AVX-512 with VNNI, and AMX tiles where there are many tokens.
#include <immintrin.h>

#include "kernels/cpu/isa_prelude.h"
#include "kernels/cpu/sets.h"

namespace moeflow {
namespace {
#include "kernels/cpu/isa_avx512.inl"
//
#include "kernels/cpu/weight_blocks.inl"
//
#include "kernels/cpu/panel_matmul.inl"
//
#include "kernels/cpu/multiply_tiles.inl"
//
#include "kernels/cpu/float_matmul.inl"
//
#include "kernels/cpu/elementwise.inl"
//
#include "kernels/cpu/attention.inl"
//
#include "kernels/cpu/kernel_set.inl"
constexpr KernelSet kSet = make_kernel_set("amx");
}  // namespace

const KernelSet& amx_kernels() { return kSet; }

}  // namespace moeflow
