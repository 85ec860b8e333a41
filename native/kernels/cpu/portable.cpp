// Plain C++: the order of kernels.h spelled out, for any processor. The compiler may use what vectors it likes.
#include "kernels/cpu/isa_prelude.h"
#include "kernels/cpu/sets.h"

namespace moeflow {
namespace {
#include "kernels/cpu/isa_portable.inl"
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
constexpr KernelSet kSet = make_kernel_set("portable");
}  // namespace

const KernelSet& portable_kernels() { return kSet; }

}  // namespace moeflow
