// The files that make up one model: a single GGUF, or the shards that gguf-split writes, as one list of tensors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/header.h"

namespace moeflow::gguf {

struct ModelFiles {
  std::vector<std::string> paths;    // shards in order; Tensor::file counts into this
  std::vector<uint64_t> file_bytes;  // size of each
  Metadata metadata;                 // of the first shard, which has all of it
  std::vector<Tensor> tensors;       // of all shards, in the order of the files
  std::vector<uint32_t> name_order;  // indices into tensors, by name: what find() searches

  const Tensor* find(std::string_view name) const;  // nullptr if there is none
};

// Opens a model and checks that its files are sound and belong together. One path may be a file, any shard of a split
// model (the others are found by their names) or a directory that holds exactly one model. Several paths are the shards
// of one model, in any order and under any names. Throws Error naming the file; the model's own shape (architecture,
// hyperparameters, tensor shapes) is not looked at.
ModelFiles open_model_files(const std::vector<std::string>& paths);

}  // namespace moeflow::gguf
