// The names that gguf-split gives to shards: model-00002-of-00003.gguf.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace moeflow::gguf {

struct ShardName {
  std::string prefix;   // everything before "-00002-of-", with the directory
  uint32_t number = 0;  // from 1, unlike the key split.no
  uint32_t count = 0;
};

// Empty if the path's name is not of this form, or its number is not from 1 to its count.
std::optional<ShardName> parse_shard_name(const std::string& path);

// The path of another shard of the same model.
std::string shard_path(const ShardName& name, uint32_t number);

}  // namespace moeflow::gguf
