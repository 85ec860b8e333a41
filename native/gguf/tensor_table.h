// The tensor table of a GGUF header: reading it, and checking where it says the data is.
#pragma once

#include <cstdint>
#include <vector>

#include "gguf/byte_reader.h"
#include "gguf/header.h"

namespace moeflow::gguf {

// Reads `count` entries. Their offsets are still relative to the start of the tensor data.
std::vector<Tensor> read_tensor_table(ByteReader& reader, uint64_t count);

// Makes the offsets of header.tensors absolute, and checks that each tensor's data is aligned, inside the file and its
// own alone. Needs header.alignment and header.data_offset.
void place_tensors(Header& header, uint64_t file_bytes, const std::string& file_name);

}  // namespace moeflow::gguf
