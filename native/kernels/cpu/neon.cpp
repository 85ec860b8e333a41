// AArch64 with the dot product extension: 4 weight rows per panel.
#include <arm_neon.h>

#include "kernels/cpu/isa_prelude.h"
#include "kernels/cpu/sets.h"

namespace moeflow {
namespace {
#include "kernels/cpu/isa_neon.inl"
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
constexpr KernelSet kSet = make_kernel_set("neon");
}  // namespace

const KernelSet& neon_kernels() { return kSet; }

}  // namespace moeflow
