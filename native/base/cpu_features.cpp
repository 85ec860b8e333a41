#include "base/cpu_features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__linux__) && defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace moeflow {
namespace {

#if defined(__x86_64__)
unsigned long long enabled_state() {
  unsigned low = 0;
  unsigned high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<unsigned long long>(high) << 32) | low;
}

bool request_amx() {
#if defined(__linux__)
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

CpuFeatures detect() {
  CpuFeatures found;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return found;
  const bool osxsave = c & (1u << 27);
  const bool fma = c & (1u << 12);
  const bool f16c = c & (1u << 29);
  if (!osxsave) return found;
  const unsigned long long state = enabled_state();
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return found;
  const bool ymm_enabled = (state & 0x6) == 0x6;
  const bool zmm_enabled = (state & 0xe6) == 0xe6;
  const bool tiles_enabled = (state & 0x60000) == 0x60000;
  found.avx2 = ymm_enabled && fma && f16c && (b & (1u << 5));
  const unsigned avx512 = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);  // F, DQ, BW, VL
  found.avx512_vnni = found.avx2 && zmm_enabled && (b & avx512) == avx512 && (c & (1u << 11));
  const bool amx = (d & (1u << 24)) && (d & (1u << 25));  // AMX-TILE, AMX-INT8
  found.amx_int8 = found.avx512_vnni && tiles_enabled && amx && request_amx();
  return found;
}
#elif defined(__aarch64__) && defined(__linux__)
CpuFeatures detect() {
  CpuFeatures found;
  found.neon_dotprod = getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
  return found;
}
#elif defined(__aarch64__) && defined(__APPLE__)
CpuFeatures detect() {
  CpuFeatures found;
  found.neon_dotprod = true;  // every Apple processor that runs Node has it
  return found;
}
#else
CpuFeatures detect() { return {}; }
#endif

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

}  // namespace moeflow
