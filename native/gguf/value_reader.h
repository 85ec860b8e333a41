// Reads one metadata value of any GGUF type.
#pragma once

#include <string>

#include "gguf/byte_reader.h"
#include "gguf/metadata.h"

namespace moeflow::gguf {

// Reads the value's type number and the value; `key` is for messages.
Value read_value(ByteReader& reader, const std::string& key);

}  // namespace moeflow::gguf
