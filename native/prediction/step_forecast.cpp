#include "prediction/step_forecast.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace moeflow {

LayerForecasts::LayerForecasts(const RouteShape& shape, size_t dense_layers) {
  const size_t layers = dense_layers + static_cast<size_t>(shape.layers);
  const auto experts = static_cast<size_t>(shape.experts);
  probabilities.resize(layers);
  later.resize(layers);
  probable.resize(layers);
  for (size_t layer = dense_layers; layer < layers; ++layer) {
    probabilities[layer].resize(experts);
    later[layer].resize(experts);
    probable[layer].reserve(experts);
  }
}

StepForecast::StepForecast(const RouteShape& shape) : shape_(shape), unused_(kRouteHeads * shape.outputs(), 1.0F) {}

void StepForecast::clear() { std::fill(unused_.begin(), unused_.end(), 1.0F); }

void StepForecast::add(std::span<const float> answer) {
  for (size_t i = 0; i < unused_.size(); ++i) {
    const float probability = answer[i];
    if (!(probability >= 0 && probability <= 1)) {
      fail(ErrorCode::kInternal, "the predictor gave ", probability, " as a probability");
    }
    unused_[i] *= 1 - probability;
  }
}

void StepForecast::write(float least_probability, LayerForecasts& into) const {
  const size_t dense_layers = into.probable.size() - static_cast<size_t>(shape_.layers);
  for (int32_t layer = 0; layer < shape_.layers; ++layer) {
    const size_t at = dense_layers + static_cast<size_t>(layer);
    read(kUsedNow, layer, into.probabilities[at]);
    read(kUsedLater, layer, into.later[at]);
    rank(layer, least_probability, into.probable[at]);
  }
}

std::span<const float> StepForecast::unused_in(RouteHead head, int32_t layer) const {
  const auto experts = static_cast<size_t>(shape_.experts);
  return std::span(unused_).subspan(head * shape_.outputs() + static_cast<size_t>(layer) * experts, experts);
}

void StepForecast::read(RouteHead head, int32_t layer, std::span<float> probabilities) const {
  const auto unused = unused_in(head, layer);
  std::transform(unused.begin(), unused.end(), probabilities.begin(), [](float none) { return 1 - none; });
}

void StepForecast::rank(int32_t layer, float least_probability, std::vector<int32_t>& experts) const {
  const auto unused = unused_in(kUsedNow, layer);
  const auto of = [&](int32_t expert) { return unused[static_cast<size_t>(expert)]; };
  experts.clear();
  for (int32_t e = 0; e < shape_.experts; ++e) {
    if (of(e) <= 1 - least_probability) experts.push_back(e);
  }
  std::sort(experts.begin(), experts.end(),
            [&](int32_t a, int32_t b) { return std::pair(of(a), a) < std::pair(of(b), b); });
}

}  // namespace moeflow
