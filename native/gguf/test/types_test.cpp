#include "gguf/types.h"

#include <doctest/doctest.h>

#include <string>

using namespace moeflow;

TEST_CASE("gguf types: the block sizes are those of the format") {
  // ggml-quants: bytes for one block of each type.
  CHECK(row_bytes(DType::kF32, 3) == 12);
  CHECK(row_bytes(DType::kBF16, 3) == 6);
  CHECK(row_bytes(DType::kQ4_0, 64) == 36);    // f16 scale + 16 bytes of nibbles, twice
  CHECK(row_bytes(DType::kQ8_0, 32) == 34);    // f16 scale + 32 bytes
  CHECK(row_bytes(DType::kQ4_K, 256) == 144);  // 4.5 bits a value
  CHECK(row_bytes(DType::kQ6_K, 256) == 210);  // 6.5625 bits a value
  CHECK(row_bytes(DType::kMXFP4, 32) == 17);   // 4.25 bits a value
}

TEST_CASE("gguf types: a number is either supported or has a reason why not") {
  for (uint32_t number = 0; number < 64; ++number) {
    CAPTURE(number);
    const bool supported = dtype_traits(number) != nullptr;
    const bool known = std::string(unsupported_dtype_reason(number)) != "unknown";
    CHECK_FALSE((supported && known));
  }
  CHECK(dtype_traits(4) == nullptr);
  CHECK(dtype_traits(0xffffffff) == nullptr);
}
