// What a model is made of, for people and for planning: sizes by kind, from the header alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "model/model.h"

namespace moeflow {

struct ModelFacts {
  uint64_t expert_bytes = 0;                    // all experts together
  uint64_t dense_bytes = 0;                     // everything else that is loaded
  std::vector<uint64_t> expert_bytes_by_layer;  // of one expert; layers with experts only
  uint64_t smallest_expert_bytes = 0;
  uint64_t largest_expert_bytes = 0;
  uint64_t active_bytes_per_token =
      0;  // dense weights without the embedding table (unless it is the output head too), and k experts per layer
  uint64_t kv_bytes_per_token_f16 = 0;
  uint64_t kv_bytes_per_token_f32 = 0;
  std::map<std::string, uint64_t> bytes_by_type;  // of all tensors in the files
  std::map<std::string, uint64_t> tensors_by_type;
};

ModelFacts model_facts(const Model& model);

}  // namespace moeflow
