// Every way in which a header can be wrong, and what is said about it. The file is always called m.gguf.
#include <doctest/doctest.h>

#include <string>

#include "gguf/header.h"
#include "gguf/test/expect_error.h"
#include "gguf/test/gguf_bytes.h"

using namespace moeflow;
using namespace moeflow::gguf;
using namespace moeflow::gguf::test;

namespace {

constexpr uint64_t kHuge = uint64_t{1} << 60;

std::string refusal(ErrorCode code, const std::string& file) {
  const std::string message = error_of(code, [&] { parse_header(as_bytes(file), file.size(), "m.gguf"); });
  CHECK(message.starts_with("m.gguf: "));
  return message;
}

std::string refusal_of_tensor(ErrorCode code, TensorEntry entry) {
  GgufBytes gguf;
  gguf.tensor({"before", {8}}).tensor(std::move(entry)).tensor({"after", {8}});
  std::string file = gguf.header();
  file.append(4096, 'd');
  return refusal(code, file);
}

}  // namespace

TEST_CASE("damage: an empty file") {
  CHECK(refusal(ErrorCode::kInvalidFile, "") == "m.gguf: truncated: an empty file: has 0 bytes, needs more");
}

TEST_CASE("damage: not a GGUF file") {
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, "GGUX\3\0\0\0"), "not a GGUF file: starts with \"GGUX\"");
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, std::string("\x80\2}q\0", 5)), "starts with \"\\x80\\x02}q\"");
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, "version https://git-lfs.github.com/spec/v1"), "git lfs pull");
}

TEST_CASE("damage: the formats before GGUF are told apart") {
  for (const std::string magic : {"lmgg", "fmgg", "tjgg", "algg"}) {
    CHECK_SAYS(refusal(ErrorCode::kUnsupported, magic + "\1"), "an old GGML file (" + magic + ")");
  }
}

TEST_CASE("damage: versions other than 2 and 3") {
  for (const uint32_t version : {0u, 1u, 4u, 99u}) {
    GgufBytes gguf;
    gguf.version = version;
    CHECK_SAYS(refusal(ErrorCode::kUnsupported, gguf.file()),
               "GGUF version " + std::to_string(version) + " is not supported (2 and 3 are)");
  }
}

TEST_CASE("damage: the other byte order") {
  GgufBytes gguf;
  gguf.version = 0x03000000;
  CHECK_SAYS(refusal(ErrorCode::kUnsupported, gguf.file()), "byte order: reads 0x03000000, so this is a big-endian");
}

TEST_CASE("damage: counts that the file cannot hold") {
  GgufBytes tensors = sample_file();
  tensors.tensor_count = kHuge;
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, tensors.file()), "tensor count 1152921504606846976 cannot fit in a file");
  GgufBytes keys = sample_file();
  keys.key_count = kHuge;
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, keys.file()), "metadata count 1152921504606846976 cannot fit in a file");
}

TEST_CASE("damage: string lengths that the file cannot hold") {
  GgufBytes key;
  key.keys.push_back(raw(kHuge) + std::string(100, 'k'));
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, key.file()),
             "in metadata key 1 of 1: string of length 1152921504606846976 at byte 32 runs past the end of the file: "
             "has 160 bytes, needs at least 1152921504606847008");
  GgufBytes value;
  value.key("name", 8, raw<uint64_t>(UINT64_MAX));
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, value.file()), "in key name: string of length 18446744073709551615");
}

TEST_CASE("damage: array lengths that the file cannot hold") {
  for (uint32_t type = 0; type <= 12; ++type) {
    if (type == 9) continue;
    CAPTURE(type);
    GgufBytes gguf;
    gguf.array("list", type, kHuge, std::string(100, '\0'));
    CHECK_SAYS(refusal(ErrorCode::kInvalidFile, gguf.file()), "in array list: array of length 1152921504606846976");
  }
}

TEST_CASE("damage: a huge count in a huge file asks for no memory of its size") {
  // Nothing but the header's first bytes is at hand, however large the file is said to be.
  GgufBytes gguf;
  gguf.array("list", 8, kHuge >> 20, "");
  const std::string start = gguf.header();
  CHECK_FALSE(parse_header(as_bytes(start), kHuge, "m.gguf"));
  GgufBytes tensors;
  tensors.tensor_count = kHuge >> 20;
  const std::string table = tensors.header();
  CHECK_FALSE(parse_header(as_bytes(table), kHuge, "m.gguf"));
}

TEST_CASE("damage: unknown value types") {
  GgufBytes value;
  value.key("general.architecture", 77, raw<uint64_t>(0));
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, value.file()), "key general.architecture: unknown value type 77");
  GgufBytes element;
  element.array("tokens", 99, 1, raw<uint64_t>(0));
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, element.file()), "array tokens: unknown element type 99");
}

TEST_CASE("damage: arrays of arrays are not supported") {
  GgufBytes gguf;
  gguf.array("nested", 9, 1, raw<uint32_t>(0) + raw<uint64_t>(0));
  CHECK_SAYS(refusal(ErrorCode::kUnsupported, gguf.file()), "array nested: an array of arrays is not supported");
}

TEST_CASE("damage: a bool is 0 or 1") {
  GgufBytes scalar;
  scalar.key("flag", 7, "\x02");
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, scalar.file()), "key flag: a bool must be 0 or 1, is 2");
  GgufBytes array;
  array.array("flags", 7, 2, "\x01\xff");
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, array.file()), "array flags: a bool must be 0 or 1, is 255");
}

TEST_CASE("damage: names appear once") {
  GgufBytes key;
  key.u32("a", 1).text("b", "x").u32("a", 1);
  CHECK(refusal(ErrorCode::kInvalidFile, key.file()) == "m.gguf: key a appears twice");
  GgufBytes tensor;
  tensor.tensor({"w", {8}}).tensor({"v", {8}}).tensor({"w", {8}});
  CHECK(refusal(ErrorCode::kInvalidFile, tensor.file()) == "m.gguf: tensor w: appears twice");
}

TEST_CASE("damage: names in messages are short and printable") {
  GgufBytes gguf;
  gguf.tensor({std::string(5000, '\n'), {0}});
  CHECK(refusal(ErrorCode::kInvalidFile, gguf.file()).size() < 1000);
}

TEST_CASE("damage: the alignment is a power of two") {
  for (const uint32_t alignment : {0u, 3u, 48u}) {
    GgufBytes gguf;
    gguf.u32("general.alignment", alignment);
    CHECK(refusal(ErrorCode::kInvalidFile, gguf.file()) ==
          "m.gguf: key general.alignment must be a power of two, is " + std::to_string(alignment));
  }
  GgufBytes text;
  text.text("general.alignment", "32");
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, text.file()), "general.alignment must be an integer, is a string");
}

TEST_CASE("damage: dimensions") {
  const auto code = ErrorCode::kInvalidFile;
  CHECK_SAYS(refusal_of_tensor(code, {"w", {16, 0}}), "tensor w: a dimension is 0: [16, 0]");
  CHECK_SAYS(refusal_of_tensor(code, {"w", {1, 1, 1, 1, 1}}), "tensor w: 5 dimensions (must be 1 to 4)");
  CHECK_SAYS(refusal_of_tensor(code, {"w", {}}), "tensor w: 0 dimensions (must be 1 to 4)");
  CHECK_SAYS(refusal_of_tensor(code, {"w", {8}, 0, 0, {}, UINT32_MAX}), "tensor w: 4294967295 dimensions");
  CHECK_SAYS(refusal_of_tensor(code, {"w", {uint64_t{1} << 32, uint64_t{1} << 32, 4}}),
             "tensor w: dimensions overflow: [4294967296, 4294967296, 4]");
  CHECK_SAYS(refusal_of_tensor(code, {"w", {UINT64_MAX}}), "tensor w: dimensions overflow");
  // 2^62 values are countable, their 2^64 bytes are not.
  CHECK_SAYS(refusal_of_tensor(code, {"w", {uint64_t{1} << 62}}), "tensor w: dimensions overflow");
  CHECK_SAYS(refusal_of_tensor(code, {"w", {4, uint64_t{1} << 60}}), "tensor w: dimensions overflow");
}

TEST_CASE("damage: tensor types") {
  const auto code = ErrorCode::kUnsupported;
  CHECK_SAYS(refusal_of_tensor(code, {"w", {32}, 999}), "tensor w: type 999 (unknown)");
  CHECK_SAYS(refusal_of_tensor(code, {"w", {32}, 4}), "tensor w: type 4 (Q4_2, which was removed from the format)");
  CHECK_SAYS(refusal_of_tensor(code, {"w", {256}, 16}), "tensor w: type 16 (IQ2_XXS, not supported yet)");
  CHECK_SAYS(refusal_of_tensor(ErrorCode::kInvalidFile, {"w", {16}, 12}),
             "tensor w: row of 16 values is not a multiple of Q4_K's 256");
}

TEST_CASE("damage: where the data is") {
  const auto code = ErrorCode::kInvalidFile;
  CHECK_SAYS(refusal_of_tensor(code, {"w", {8}, 0, 0, 7}), "tensor w: offset 7 is not a multiple of the alignment 32");
  CHECK_SAYS(refusal_of_tensor(code, {"w", {8}, 0, 0, UINT64_MAX - 31}),
             "tensor w: offset 18446744073709551584 + size 32 overflows");
  CHECK_SAYS(refusal_of_tensor(code, {"w", {8}, 0, 0, (uint64_t{1} << 63) - 64}), "+ size 32 overflows");
  CHECK_SAYS(refusal_of_tensor(code, {"w", {8}, 0, 0, uint64_t{1} << 40}),
             "tensor w: data lies beyond the end of the file: has ");
  CHECK_SAYS(refusal_of_tensor(code, {"w", {8}, 0, 0, 0}), "overlaps tensor ");
  CHECK_SAYS(refusal_of_tensor(code, {"w", {600}, 0, 0, 32}), "overlaps tensor ");
}

TEST_CASE("damage: a tensor hidden inside a larger one overlaps") {
  GgufBytes gguf;
  gguf.tensor({"large", {1024}}).tensor({"next", {8}}).tensor({"inside", {8}, 0, 0, 1024});
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, gguf.file()), "tensor large overlaps tensor inside");
}

TEST_CASE("damage: truncated data says how much there should be") {
  const std::string file = sample_file().file();
  for (const size_t missing : {size_t{1}, size_t{100}}) {
    CHECK_SAYS(refusal(ErrorCode::kInvalidFile, file.substr(0, file.size() - missing)),
               "data lies beyond the end of the file: has " + std::to_string(file.size() - missing) + " bytes, needs " +
                   std::to_string(file.size()));
  }
  const std::string header = sample_file().header();
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, header), "needs " + std::to_string(file.size()));
}

TEST_CASE("damage: a truncated header says where it ends") {
  const std::string file = sample_file().file();
  const auto cut = [&](size_t size) { return refusal(ErrorCode::kInvalidFile, file.substr(0, size)); };
  CHECK_SAYS(cut(3), "truncated or damaged in magic: value at byte 0 runs past the end of the file: has 3 bytes");
  CHECK_SAYS(cut(6), "truncated or damaged in version");
  CHECK_SAYS(cut(12), "truncated or damaged in header");
  CHECK_SAYS(cut(sample_file().header().size() - 2), "truncated or damaged in tensor blk.0.four");
}
