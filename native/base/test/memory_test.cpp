#include "base/memory.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <utility>

#include "gguf/test/expect_error.h"

using namespace moeflow;
using gguf::test::error_of;

TEST_CASE("products of sizes are exact or refused by name") {
  constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  CHECK(checked_multiply(0, kMost, "x") == 0);
  CHECK(checked_multiply(3, 7, "x") == 21);
  CHECK(checked_multiply(kMost, 1, "x") == kMost);
  CHECK(checked_multiply(uint64_t{1} << 31, uint64_t{1} << 31, "x") == uint64_t{1} << 62);
  CHECK(error_of(ErrorCode::kInvalidFile, [] { checked_multiply(uint64_t{1} << 32, uint64_t{1} << 31, "tensor t"); }) ==
        "tensor t: 4294967296 x 2147483648 overflows");
  error_of(ErrorCode::kInvalidFile, [] { checked_multiply(UINT64_MAX, 1, "x"); });
  error_of(ErrorCode::kInvalidFile, [] { checked_multiply(UINT64_MAX, UINT64_MAX, "x"); });
}

TEST_CASE("a buffer is zeroed, page-aligned and at least as large as asked for") {
  for (const size_t bytes : {size_t{1}, size_t{4096}, size_t{4097}, size_t{3} << 20}) {
    const AlignedBuffer buffer(bytes, "test");
    CHECK(buffer.size() >= bytes);
    CHECK(reinterpret_cast<uintptr_t>(buffer.bytes()) % 4096 == 0);
    CHECK(buffer.bytes()[0] == 0);
    CHECK(buffer.bytes()[bytes - 1] == 0);
    buffer.as<uint8_t>()[bytes - 1] = 1;
  }
  CHECK(AlignedBuffer(0, "nothing").bytes() == nullptr);
  CHECK(AlignedBuffer().size() == 0);
}

TEST_CASE("memory that cannot be had is an error that says for what and how much") {
  const std::string message = error_of(ErrorCode::kOutOfMemory, [] { AlignedBuffer(size_t{1} << 60, "the moon"); });
  CHECK_SAYS(message, "1152921504606846976 bytes for the moon");
  error_of(ErrorCode::kOutOfMemory, [] { AlignedBuffer(SIZE_MAX, "rounding up would overflow"); });
}

TEST_CASE("a buffer moves with its memory, and grows only when it must") {
  AlignedBuffer a(100, "test");
  uint8_t* memory = a.bytes();
  memory[7] = 42;
  AlignedBuffer b = std::move(a);
  CHECK(b.bytes() == memory);
  AlignedBuffer c;
  c = std::move(b);
  CHECK(c.bytes() == memory);
  c.reserve(50, "test");
  CHECK(c.bytes()[7] == 42);
  c.reserve(10000, "test");
  CHECK(c.size() >= 10000);
  CHECK(c.bytes()[7] == 0);
  c.release();
  CHECK(c.size() == 0);
  CHECK(c.bytes() == nullptr);
  c.release();
}

TEST_CASE("resident memory grows with what is touched") {
  const uint64_t before = resident_bytes();
  if (before == 0) return;  // the system does not tell
  constexpr size_t kBytes = size_t{64} << 20;
  const AlignedBuffer buffer(kBytes, "test");
  for (size_t i = 0; i < kBytes; i += 4096) buffer.bytes()[i] = 1;
  CHECK(resident_bytes() >= before + kBytes / 2);
}
