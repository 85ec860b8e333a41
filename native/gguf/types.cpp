#include "gguf/types.h"

#include <array>

namespace moeflow {
namespace {

constexpr std::array<DTypeTraits, kDTypeTableSize> make_table() {
  std::array<DTypeTraits, kDTypeTableSize> t{};
  auto set = [&](DType type, DTypeTraits traits) { t[static_cast<size_t>(type)] = traits; };
  set(DType::kF32, {"F32", 1, 4});
  set(DType::kF16, {"F16", 1, 2});
  set(DType::kBF16, {"BF16", 1, 2});
  set(DType::kQ4_0, {"Q4_0", 32, 18});
  set(DType::kQ4_1, {"Q4_1", 32, 20});
  set(DType::kQ5_0, {"Q5_0", 32, 22});
  set(DType::kQ5_1, {"Q5_1", 32, 24});
  set(DType::kQ8_0, {"Q8_0", 32, 34});
  set(DType::kQ2_K, {"Q2_K", 256, 84});
  set(DType::kQ3_K, {"Q3_K", 256, 110});
  set(DType::kQ4_K, {"Q4_K", 256, 144});
  set(DType::kQ5_K, {"Q5_K", 256, 176});
  set(DType::kQ6_K, {"Q6_K", 256, 210});
  set(DType::kIQ4_NL, {"IQ4_NL", 32, 18});
  set(DType::kIQ4_XS, {"IQ4_XS", 256, 136});
  set(DType::kMXFP4, {"MXFP4", 32, 17});
  return t;
}

constexpr auto kTable = make_table();

}  // namespace

const DTypeTraits* dtype_traits(uint32_t number) {
  return number < kTable.size() && kTable[number].name ? &kTable[number] : nullptr;
}

const char* unsupported_dtype_reason(uint32_t number) {
  switch (number) {
    case 4: return "Q4_2, which was removed from the format";
    case 5: return "Q4_3, which was removed from the format";
    case 9: return "Q8_1, an intermediate type that files do not hold";
    case 15: return "Q8_K, an intermediate type that files do not hold";
    case 16: return "IQ2_XXS, not supported yet";
    case 17: return "IQ2_XS, not supported yet";
    case 18: return "IQ3_XXS, not supported yet";
    case 19: return "IQ1_S, not supported yet";
    case 21: return "IQ3_S, not supported yet";
    case 22: return "IQ2_S, not supported yet";
    case 24: return "I8, not a weight type";
    case 25: return "I16, not a weight type";
    case 26: return "I32, not a weight type";
    case 27: return "I64, not a weight type";
    case 28: return "F64, not a weight type";
    case 29: return "IQ1_M, not supported yet";
    case 31:
    case 32:
    case 33: return "an interleaved Q4_0, which was removed from the format";
    case 34: return "TQ1_0, not supported yet";
    case 35: return "TQ2_0, not supported yet";
    case 36:
    case 37:
    case 38: return "an interleaved IQ4_NL, which was removed from the format";
    case 40: return "NVFP4, not supported yet";
    default: return "unknown";
  }
}

}  // namespace moeflow
