// Chooses the instruction set once per model, from what the machine has or what the user forces.
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu_features.h"
#include "base/error.h"
#include "kernels/cpu/sets.h"

namespace moeflow {
namespace {

// Fastest first.
std::vector<const KernelSet*> usable_sets() {
  std::vector<const KernelSet*> sets;
#if defined(__x86_64__)
  const CpuFeatures& cpu = cpu_features();
  if (cpu.amx_int8) sets.push_back(&amx_kernels());
  if (cpu.avx512_vnni) sets.push_back(&avx512_kernels());
  if (cpu.avx2) sets.push_back(&avx2_kernels());
#elif defined(__aarch64__)
  if (cpu_features().neon_dotprod) sets.push_back(&neon_kernels());
#endif
  sets.push_back(&portable_kernels());
  return sets;
}

}  // namespace

const char* available_kernels() {
  static const std::string names = [] {
    std::string joined;
    for (const KernelSet* set : usable_sets()) joined += concat(set->name, ", ");
    return joined + "reference";
  }();
  return names.c_str();
}

const KernelSet& select_kernels(const char* name) {
  const std::string_view wanted = name ? name : "";
  const std::vector<const KernelSet*> sets = usable_sets();
  if (wanted.empty()) return *sets.front();
  if (wanted == "reference") return reference_kernels();
  for (const KernelSet* set : sets) {
    if (wanted == set->name) return *set;
  }
  fail(ErrorCode::kInvalidArgument, "MOEFLOW_CPU=", wanted, ": this machine can run ", available_kernels());
}

// 128 gathered activation rows with one line more than they need, three floats for each 32 columns of theirs
// (tile_matmul.inl), a copy of 16 weight rows where the matrix ends within a panel (4 bytes per value is the widest
// row), the decoded panel of 16 rows (w, two scales and two mins per chunk of 32 columns).
size_t matmul_scratch_bytes(int64_t cols) {
  const auto columns = static_cast<size_t>(cols) + 256;
  return 128 * (columns + columns / 32 * 3 * 4) + 16 * columns * 4 + columns / 32 * (8 + 4) * 64 + 256;
}

}  // namespace moeflow
