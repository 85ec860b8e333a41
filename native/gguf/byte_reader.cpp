#include "gguf/byte_reader.h"

#include "base/error.h"
#include "gguf/header.h"

namespace moeflow::gguf {

void ByteReader::fail_here(const std::string& message) const {
  fail(ErrorCode::kInvalidFile, file_name_, ": ", context_, ": ", message);
}

void ByteReader::fail_unsupported(const std::string& message) const {
  fail(ErrorCode::kUnsupported, file_name_, ": ", context_, ": ", message);
}

void ByteReader::check_fits_in_file(uint64_t count, uint64_t each, const char* what) const {
  if (count <= file_bytes_left() / each) return;
  const std::string length = count == 1 && each <= 8 ? "" : concat(" of length ", count);
  const bool countable = count <= (UINT64_MAX - position_) / each;
  fail(ErrorCode::kInvalidFile, file_name_, ": truncated or damaged in ", context_, ": ", what, length, " at byte ",
       position_, " runs past the end of the file: has ", file_bytes_, " bytes, needs ",
       countable ? concat("at least ", position_ + count * each) : "more than 2^64");
}

void ByteReader::require(uint64_t count, uint64_t each, const char* what) const {
  check_fits_in_file(count, each, what);
  const uint64_t wanted = count * each;
  if (wanted <= bytes_.size() - position_) return;
  if (wanted > kMaxHeaderBytes || position_ > kMaxHeaderBytes - wanted) {
    fail_unsupported(concat("the header is larger than ", kMaxHeaderBytes >> 20, " MiB"));
  }
  throw NeedsMoreBytes{};
}

std::string ByteReader::string() {
  const uint64_t length = number<uint64_t>();
  require(length, 1, "string");
  std::string value(reinterpret_cast<const char*>(bytes_.data()) + position_, length);
  position_ += length;
  return value;
}

}  // namespace moeflow::gguf
