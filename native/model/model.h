// A model in memory: configuration, weights and tables, and where its experts are. Immutable once loaded.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "experts/layout.h"
#include "experts/loading.h"
#include "gguf/model_files.h"
#include "model/config.h"
#include "model/rope.h"
#include "model/weights.h"

namespace moeflow {

struct Model {
  // Opens the files and checks everything that can be checked without reading weights. Throws Error.
  explicit Model(gguf::ModelFiles model_files);

  // Brings all weights but the experts' into memory and prepares tables for `positions` positions.
  void load(int positions, const std::vector<gguf::File>& open, ThreadPool& pool, const LoadControl& control,
            LoadedBytes& bytes);

  gguf::ModelFiles files;
  ModelConfig config;
  ModelWeights weights;
  ExpertLayout experts;             // where they are; the engine brings them
  std::unique_ptr<RopeTable> rope;  // after load()
};

}  // namespace moeflow
