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

void Model::load(int positions, const std::vector<gguf::File>& open, ThreadPool& pool, const LoadControl& control,
                 LoadedBytes& bytes) {
  weights.load(open, pool, control, bytes);
  rope = std::make_unique<RopeTable>(config.rope, positions, weights.rope_factors);
}

}  // namespace moeflow
