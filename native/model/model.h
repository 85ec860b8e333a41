// A model in memory: configuration, weights, experts and tables. Immutable once loaded.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "experts/store.h"
#include "gguf/model_files.h"
#include "model/config.h"
#include "model/rope.h"
#include "model/weights.h"

namespace moeflow {

struct Model {
  // Opens the files and checks everything that can be checked without reading weights. Throws Error.
  explicit Model(gguf::ModelFiles model_files);

  uint64_t weight_bytes() const { return weights.total_bytes() + experts.total_bytes(); }
  // Brings all weights into memory and prepares tables for `positions` positions.
  void load(int positions, ThreadPool& pool, const LoadControl& control);

  gguf::ModelFiles files;
  ModelConfig config;
  ModelWeights weights;
  ExpertStore experts;
  std::unique_ptr<RopeTable> rope;  // after load()
};

}  // namespace moeflow
