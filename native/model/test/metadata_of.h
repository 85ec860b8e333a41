// Hyperparameters of a sound small model of any architecture, as metadata without a file.
#pragma once

#include <string>
#include <utility>

#include "gguf/model_files.h"
#include "model/config.h"

namespace moeflow::test {

// Keys of one architecture, to be changed before they are read. Later entries replace earlier ones of the same key.
class Hyperparameters {
 public:
  explicit Hyperparameters(std::string architecture) : architecture_(std::move(architecture)) {
    put("block_count", uint32_t{4});
    put("embedding_length", uint32_t{64});
    put("context_length", uint32_t{2048});
    put("attention.head_count", uint32_t{4});
    put("attention.layer_norm_rms_epsilon", 1e-6F);
    put("feed_forward_length", uint32_t{128});
    put("expert_feed_forward_length", uint32_t{96});
    put("expert_count", uint32_t{8});
    put("expert_used_count", uint32_t{2});
    if (architecture_ == "deepseek2") {
      put("attention.head_count_kv", uint32_t{1});
      put("attention.kv_lora_rank", uint32_t{32});
      put("rope.dimension_count", uint32_t{8});
      put("attention.key_length", uint32_t{40});
      put("attention.value_length", uint32_t{32});
      put("attention.key_length_mla", uint32_t{24});
      put("attention.value_length_mla", uint32_t{16});
    } else {
      put("attention.head_count_kv", uint32_t{2});
    }
  }

  // `key` without the architecture's prefix.
  Hyperparameters& put(const std::string& key, gguf::Value value) {
    remove(key);
    entries_.emplace_back(key, std::move(value));
    return *this;
  }
  Hyperparameters& remove(const std::string& key) {
    std::erase_if(entries_, [&](const auto& entry) { return entry.first == key; });
    return *this;
  }
  const std::vector<std::pair<std::string, gguf::Value>>& entries() const { return entries_; }

  gguf::ModelFiles files() const {
    gguf::ModelFiles files;
    files.paths = {"m.gguf"};
    files.metadata = gguf::Metadata("m.gguf");
    files.metadata.add("general.architecture", architecture_);
    for (const auto& [key, value] : entries_) files.metadata.add(architecture_ + "." + key, value);
    return files;
  }
  ModelConfig read() const { return read_config(files()); }

 private:
  std::string architecture_;
  std::vector<std::pair<std::string, gguf::Value>> entries_;
};

}  // namespace moeflow::test
