// The head of a GGUF file: everything before the tensor data, checked against the file's size before any of it is used.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gguf/metadata.h"
#include "gguf/types.h"

namespace moeflow::gguf {

struct Tensor {
  std::string name;
  DType type = DType::kF32;
  uint32_t n_dims = 0;
  std::array<uint64_t, 4> dims{1, 1, 1, 1};  // dims[0] is the row length; unused ones are 1
  uint32_t file = 0;                         // index of the shard that holds the data
  uint64_t offset = 0;                       // of the data, from the start of that file
  uint64_t bytes = 0;

  uint64_t rows() const { return dims[1] * dims[2] * dims[3]; }
};

// "[16, 32, 4]"
std::string shape_text(const Tensor& tensor);

struct Header {
  uint32_t version = 0;
  Metadata metadata;
  std::vector<Tensor> tensors;  // in the file's order, which need not be the order of the data
  uint64_t alignment = 0;
  uint64_t data_offset = 0;  // of the tensor data, from the start of the file
};

// A header that is larger than this is refused: the largest real ones, with their vocabularies, are near 20 MiB, and
// the memory that a hostile file can claim must not grow with its size.
inline constexpr uint64_t kMaxHeaderBytes = uint64_t{256} << 20;

// Parses the first bytes of a file of file_bytes bytes. Empty if the header does not end within `bytes` although the
// file goes on: the caller reads more and asks again. Error(kInvalidFile) for a file that is damaged or no GGUF,
// Error(kUnsupported) for a version, byte order or type that moeflow does not read; both name the file and the culprit.
// In the result all tensors are in file 0, inside the file, aligned, and do not overlap.
std::optional<Header> parse_header(std::span<const std::byte> bytes, uint64_t file_bytes, const std::string& file_name);

}  // namespace moeflow::gguf
