// libFuzzer target: any bytes are a header, an error or a call for more, and a header keeps its promises.
//   clang++ -std=c++20 -g -O1 -fsanitize=fuzzer,address,undefined -I native native/fuzz/gguf_fuzzer.cpp
//     native/gguf/*.cpp native/base/error.cpp -o gguf_fuzzer
// make_gguf_corpus writes files to start from.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "gguf/header.h"

namespace {

using namespace moeflow;
using namespace moeflow::gguf;

void expect(bool condition) {
  if (!condition) __builtin_trap();
}

void check_tensors(Header& header, uint64_t file_bytes) {
  auto& tensors = header.tensors;
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
  uint64_t end = header.data_offset;
  for (const Tensor& tensor : tensors) {
    expect(tensor.bytes > 0 && tensor.offset >= end);
    expect((tensor.offset - header.data_offset) % header.alignment == 0);
    expect(tensor.bytes == row_bytes(tensor.type, tensor.dims[0]) * tensor.rows());
    end = tensor.offset + tensor.bytes;
    expect(end <= file_bytes);
  }
}

template <typename Getter>
void call(Getter&& getter) {
  try {
    getter();
  } catch (const Error& error) {
    expect(error.code() == ErrorCode::kInvalidFile || error.code() == ErrorCode::kUnsupported);
  }
}

void read_metadata(const Metadata& metadata) {
  for (const Metadata::Entry& entry : metadata.entries()) {
    expect(metadata.find(entry.key) == &entry.value && !describe(entry.value).empty());
    call([&] { metadata.uint32(entry.key); });
    call([&] { metadata.find_int32(entry.key); });
    call([&] { metadata.float32(entry.key); });
    call([&] { metadata.find_ints(entry.key); });
    call([&] { metadata.find_floats(entry.key); });
    call([&] { metadata.uint32_for_all_layers(entry.key, 2); });
  }
}

void parse(std::span<const std::byte> bytes, uint64_t file_bytes) {
  try {
    auto header = parse_header(bytes, file_bytes, "fuzzed");
    expect(header || bytes.size() < file_bytes);
    if (!header) return;
    check_tensors(*header, file_bytes);
    read_metadata(header->metadata);
  } catch (const Error& error) {
    expect(error.code() == ErrorCode::kInvalidFile || error.code() == ErrorCode::kUnsupported);
    expect(std::string(error.what()).starts_with("fuzzed: "));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Memory of exactly this size, so that the address sanitizer sees one byte too far.
  const std::unique_ptr<std::byte, decltype(&std::free)> copy(static_cast<std::byte*>(std::malloc(size)), &std::free);
  if (size > 0) std::memcpy(copy.get(), data, size);
  parse({copy.get(), size}, size);               // all of a file
  parse({copy.get(), size}, uint64_t{1} << 40);  // the start of a large one
  return 0;
}
