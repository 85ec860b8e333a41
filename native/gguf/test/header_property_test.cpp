// Whatever is done to a good file, the parser gives a header that keeps its promises, a named error, or asks for more.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/error.h"
#include "gguf/header.h"
#include "gguf/test/gguf_bytes.h"

using namespace moeflow;
using namespace moeflow::gguf;
using namespace moeflow::gguf::test;

namespace {

enum class Outcome { kHeader, kNeedsMore, kError };

bool keeps_promises(const Header& header, uint64_t file_bytes) {
  auto tensors = header.tensors;
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
  uint64_t end = header.data_offset;
  for (const Tensor& tensor : tensors) {
    if (tensor.offset < end || tensor.bytes == 0) return false;
    if ((tensor.offset - header.data_offset) % header.alignment != 0) return false;
    end = tensor.offset + tensor.bytes;
  }
  return tensors.empty() || end <= file_bytes;
}

// The bytes are copied into memory of exactly their size, so that an address sanitizer sees one byte too far.
Outcome outcome_of(const std::string& text, uint64_t file_bytes) {
  const auto copy = std::make_unique<std::byte[]>(text.size());
  std::copy_n(as_bytes(text).data(), text.size(), copy.get());
  try {
    const auto header = parse_header({copy.get(), text.size()}, file_bytes, "m.gguf");
    if (!header) return Outcome::kNeedsMore;
    CHECK(keeps_promises(*header, file_bytes));
    return Outcome::kHeader;
  } catch (const Error& error) {
    CHECK(std::string(error.what()).starts_with("m.gguf: "));
    CHECK(error.code() != ErrorCode::kInternal);
    return Outcome::kError;
  }
}

}  // namespace

TEST_CASE("property: a file cut anywhere is an error") {
  const std::string file = sample_file().file();
  for (size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size);
    CHECK(outcome_of(file.substr(0, size), size) == Outcome::kError);
  }
}

TEST_CASE("property: a part of a file asks for more until the header is there") {
  const std::string file = sample_file().file();
  const size_t length = sample_file().header().size();
  for (size_t size = 0; size <= file.size(); ++size) {
    CAPTURE(size);
    CHECK(outcome_of(file.substr(0, size), file.size()) == (size < length ? Outcome::kNeedsMore : Outcome::kHeader));
  }
}

TEST_CASE("property: a flipped byte never crashes, and a whole file never asks for more") {
  std::string file = sample_file().file();
  const size_t length = sample_file().header().size();
  for (size_t position = 0; position < length; ++position) {
    for (const char flip : {'\x01', '\x10', '\x80', '\xff'}) {
      CAPTURE(position);
      file[position] = static_cast<char>(file[position] ^ flip);
      CHECK(outcome_of(file, file.size()) != Outcome::kNeedsMore);
      outcome_of(file, uint64_t{1} << 50);
      file[position] = static_cast<char>(file[position] ^ flip);
    }
  }
}

TEST_CASE("property: a number replaced by an extreme one never crashes") {
  const std::string file = sample_file().file();
  const size_t length = sample_file().header().size();
  for (size_t position = 0; position + 8 <= length; ++position) {
    for (const uint64_t extreme : {uint64_t{0}, UINT64_MAX, uint64_t{1} << 63, uint64_t{1} << 31}) {
      CAPTURE(position);
      std::string damaged = file;
      damaged.replace(position, 8, raw(extreme));
      CHECK(outcome_of(damaged, damaged.size()) != Outcome::kNeedsMore);
    }
  }
}
