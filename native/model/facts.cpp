#include "model/facts.h"

#include <algorithm>
#include <limits>

#include "model/batch.h"

namespace moeflow {

ModelFacts model_facts(const Model& model) {
  ModelFacts facts;
  facts.dense_bytes = model.weights.total_bytes();
  facts.smallest_expert_bytes = std::numeric_limits<uint64_t>::max();
  uint64_t active = facts.dense_bytes;
  const Matrix& embedding = model.weights.embedding;
  if (model.weights.output.data != embedding.data) {
    active -= std::min(active, static_cast<uint64_t>(embedding.rows) * embedding.row_bytes);
  }
  for (const auto& layer : model.experts) {
    uint64_t layer_bytes = 0;
    for (const ExpertRanges& expert : layer) {
      layer_bytes += expert.bytes();
      facts.smallest_expert_bytes = std::min(facts.smallest_expert_bytes, expert.bytes());
      facts.largest_expert_bytes = std::max(facts.largest_expert_bytes, expert.bytes());
    }
    if (!layer.empty()) facts.expert_bytes_by_layer.push_back(layer.front().bytes());
    facts.expert_bytes += layer_bytes;
    if (!layer.empty()) active += layer_bytes / layer.size() * static_cast<uint64_t>(model.config.router.used);
  }
  if (facts.expert_bytes == 0) facts.smallest_expert_bytes = 0;
  facts.active_bytes_per_token = active;
  facts.kv_bytes_per_token_f16 = KvLayout(model.config, true).block / kKvBlock;
  facts.kv_bytes_per_token_f32 = KvLayout(model.config, false).block / kKvBlock;
  for (const gguf::Tensor& tensor : model.files.tensors) {
    facts.bytes_by_type[traits(tensor.type).name] += tensor.bytes;
    ++facts.tensors_by_type[traits(tensor.type).name];
  }
  return facts;
}

}  // namespace moeflow
