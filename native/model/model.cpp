#include "model/model.h"

namespace moeflow {
namespace {

ExpertShape expert_shape(const ModelConfig& config) {
  return {config.layers, config.leading_dense_layers, config.router.experts, config.width, config.expert_width};
}

}  // namespace

Model::Model(gguf::ModelFiles model_files)
    : files(std::move(model_files)),
      config(read_config(files)),
      weights(files, config),
      experts(find_experts(files, expert_shape(config))) {}

void Model::load(int positions, ThreadPool& pool, const LoadControl& control) {
  std::vector<gguf::File> open;
  for (const std::string& path : files.paths) open.emplace_back(path);
  LoadedBytes bytes;
  bytes.in_all = weight_bytes();
  weights.load(open, pool, control, bytes);
  experts.load(open, pool, control, bytes);
  rope = std::make_unique<RopeTable>(config.rope, positions, weights.rope_factors);
}

}  // namespace moeflow
