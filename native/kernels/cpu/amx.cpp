// AMX tiles for the products of many tokens, and AVX-512 as these processors like it for those of few; everything else
// is the AVX-512 set's.
#include <immintrin.h>

#include "kernels/cpu/isa_prelude.h"
#include "kernels/cpu/sets.h"

namespace moeflow {
namespace {
constexpr bool kFastGather = true;

#include "kernels/cpu/isa_avx512.inl"
//
#include "kernels/cpu/weight_blocks.inl"
//
#include "kernels/cpu/panel_matmul.inl"
//
#include "kernels/cpu/tile_matmul.inl"

// With fewer tokens registers are faster than a tile that is mostly empty. Measured (Q4_0, MAC per cycle): 34 in tiles
// and 38 in registers for 8 tokens, 43 and 36 for 10.
constexpr int64_t kFewestTileTokens = 9;
static_assert(kFewestTileTokens <= Isa::kDirectTokens + 1);

void matmul(const MatmulArgs& args) {
  if (is_float(args.weights.type)) return avx512_kernels().matmul(args);
  read_first_panel(args);
  with_block(args.weights.type, [&](auto block) {
    using Block = decltype(block);
    args.token_count < kFewestTileTokens ? matmul_direct<Block>(args) : matmul_tiles<Block>(args);
  });
}

KernelSet make_set() {
  KernelSet set = avx512_kernels();
  set.name = "amx";
  set.matmul = matmul;
  return set;
}

}  // namespace

const KernelSet& amx_kernels() {
  static const KernelSet set = make_set();
  return set;
}

}  // namespace moeflow
