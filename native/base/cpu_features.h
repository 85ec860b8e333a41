// What the processor and the operating system allow. Both must agree before an instruction set is used.
#pragma once

namespace moeflow {

struct CpuFeatures {
  bool avx2 = false;          // AVX2, FMA and F16C
  bool avx512_vnni = false;   // AVX-512 F, BW, DQ, VL and VNNI
  bool amx_int8 = false;      // AMX tiles, with the system's permission to use them
  bool neon_dotprod = false;  // AArch64 with the dot product extension
};

// Detected once; thread-safe.
const CpuFeatures& cpu_features();

}  // namespace moeflow
