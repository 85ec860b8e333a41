#include "experts/prediction_oracle.h"

#include <cmath>
#include <utility>

namespace moeflow {

std::vector<int32_t> PredictionOracle::predict(const LayerRequest& request) {
  std::vector<bool> used(static_cast<size_t>(per_layer_));
  std::vector<int32_t> predicted;
  for (const int32_t expert : request.experts) {
    if (used[static_cast<size_t>(expert)]) continue;
    used[static_cast<size_t>(expert)] = true;
    if (uniform() < quality_.recall) predicted.push_back(expert);
  }
  std::vector<int32_t> others;
  for (int32_t expert = 0; expert < per_layer_; ++expert) {
    if (!used[static_cast<size_t>(expert)]) others.push_back(expert);
  }
  // A fraction of one is one with that probability.
  const double wrong = static_cast<double>(predicted.size()) * (1 - quality_.precision) / quality_.precision;
  auto count = static_cast<size_t>(std::min(std::floor(wrong), static_cast<double>(others.size())));
  if (count < others.size() && uniform() < wrong - std::floor(wrong)) ++count;
  for (size_t i = 0; i < count; ++i) {
    std::swap(others[i], others[i + below(others.size() - i)]);
    predicted.push_back(others[i]);
  }
  for (size_t i = predicted.size(); i > 1; --i) std::swap(predicted[i - 1], predicted[below(i)]);
  return predicted;
}

}  // namespace moeflow
