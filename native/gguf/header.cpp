#include "gguf/header.h"

#include <bit>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "gguf/byte_reader.h"
#include "gguf/tensor_table.h"
#include "gguf/value_reader.h"

namespace moeflow::gguf {
namespace {

// The fewest bytes that an entry can take: the lengths and numbers that every one has.
constexpr uint64_t kMinKeyValueBytes = 8 + 4 + 1;
constexpr uint64_t kMinTensorBytes = 8 + 4 + 8 + 4 + 8;

constexpr uint32_t kDefaultAlignment = 32;
constexpr const char* kAlignmentKey = "general.alignment";

void check_magic(ByteReader& reader) {
  if (reader.file_bytes() == 0) {
    fail(ErrorCode::kInvalidFile, reader.file_name(), ": truncated: an empty file: has 0 bytes, needs more");
  }
  const auto number = reader.number<uint32_t>();
  const std::string_view magic(reinterpret_cast<const char*>(&number), sizeof number);
  if (magic == "GGUF") return;
  // GGML, GGMF, GGJT and GGLA were written as little-endian numbers, so they read backwards.
  if (magic == "lmgg" || magic == "fmgg" || magic == "tjgg" || magic == "algg") {
    fail(ErrorCode::kUnsupported, reader.file_name(), ": an old GGML file (", magic,
         "), not GGUF: convert the original model again");
  }
  if (magic == "vers") {
    fail(ErrorCode::kInvalidFile, reader.file_name(),
         ": not a GGUF file: starts with \"vers\", as the pointers of Git LFS do: run git lfs pull");
  }
  fail(ErrorCode::kInvalidFile, reader.file_name(), ": not a GGUF file: starts with \"", printable(magic),
       "\" instead of \"GGUF\"");
}

uint32_t read_version(ByteReader& reader) {
  reader.enter("version");
  const auto version = reader.number<uint32_t>();
  // A version written in the other byte order has its small number in the upper half.
  if (version != 0 && (version & 0xffff) == 0) {
    reader.fail_unsupported(concat("byte order: reads 0x", std::hex, version < 0x10000000 ? "0" : "", version,
                                   ", so this is a big-endian file; only little-endian ones are supported"));
  }
  if (version != 2 && version != 3) {
    fail(ErrorCode::kUnsupported, reader.file_name(), ": GGUF version ", version, " is not supported (2 and 3 are)");
  }
  return version;
}

uint64_t read_count(ByteReader& reader, const char* what, uint64_t bytes_each) {
  reader.enter("header");
  const auto count = reader.number<uint64_t>();
  if (count > reader.file_bytes_left() / bytes_each) {
    reader.fail_here(concat(what, " count ", count, " cannot fit in a file of ", reader.file_bytes(),
                            " bytes: truncated or damaged"));
  }
  return count;
}

Metadata read_metadata(ByteReader& reader, uint64_t count) {
  Metadata metadata(reader.file_name());
  for (uint64_t i = 0; i < count; ++i) {
    reader.enter(concat("metadata key ", i + 1, " of ", count));
    const std::string key = reader.string();
    Value value = read_value(reader, key);
    if (!metadata.add(key, std::move(value))) {
      fail(ErrorCode::kInvalidFile, reader.file_name(), ": key ", printable(key), " appears twice");
    }
  }
  return metadata;
}

uint32_t read_alignment(const Metadata& metadata) {
  const uint32_t alignment = metadata.find_uint32(kAlignmentKey).value_or(kDefaultAlignment);
  if (!std::has_single_bit(alignment)) {
    fail(ErrorCode::kInvalidFile, metadata.file_name(), ": key ", kAlignmentKey, " must be a power of two, is ",
         alignment);
  }
  return alignment;
}

Header parse(ByteReader& reader) {
  Header header;
  check_magic(reader);
  header.version = read_version(reader);
  const uint64_t tensor_count = read_count(reader, "tensor", kMinTensorBytes);
  const uint64_t key_count = read_count(reader, "metadata", kMinKeyValueBytes);
  header.metadata = read_metadata(reader, key_count);
  header.alignment = read_alignment(header.metadata);
  header.tensors = read_tensor_table(reader, tensor_count);
  header.data_offset = (reader.position() + header.alignment - 1) / header.alignment * header.alignment;
  place_tensors(header, reader.file_bytes(), reader.file_name());
  return header;
}

}  // namespace

std::string shape_text(const Tensor& tensor) {
  std::string text = "[";
  for (uint32_t i = 0; i < tensor.n_dims; ++i) text += concat(i ? ", " : "", tensor.dims[i]);
  return text + "]";
}

std::optional<Header> parse_header(std::span<const std::byte> bytes, uint64_t file_bytes,
                                   const std::string& file_name) {
  MOEFLOW_CHECK(bytes.size() <= file_bytes);
  ByteReader reader(bytes, file_bytes, file_name);
  try {
    return parse(reader);
  } catch (const NeedsMoreBytes&) {
    return std::nullopt;
  }
}

}  // namespace moeflow::gguf
