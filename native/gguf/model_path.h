// From the path that a user gives to the files of one model.
#pragma once

#include <string>
#include <vector>

namespace moeflow::gguf {

// `path` is a file, any shard of a split model, or a directory that holds exactly one model. Returns its files, shards
// in order; all of them exist, except that a path with no shard number is returned as it is. Throws Error naming the
// shards that are missing, or the models to choose from.
std::vector<std::string> find_model_paths(const std::string& path);

}  // namespace moeflow::gguf
