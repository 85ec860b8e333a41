#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace moeflow {
namespace {

// The dimension pair that turns `turns` times over the original context.
double correction_dimension(const RopeConfig& config, double turns) {
  return config.dims * std::log(config.original_context / (turns * 2 * std::numbers::pi)) /
         (2 * std::log(static_cast<double>(config.base)));
}

}  // namespace

std::vector<double> rope_frequencies(const RopeConfig& config) {
  std::vector<double> frequencies(static_cast<size_t>(config.dims / 2));
  double low = 0;
  double high = 0;
  if (config.yarn) {
    low = std::max(0.0, std::floor(correction_dimension(config, config.beta_fast)));
    high = std::min(config.dims - 1.0, std::ceil(correction_dimension(config, config.beta_slow)));
  }
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const double extrapolated = std::pow(static_cast<double>(config.base), -2.0 * static_cast<double>(i) / config.dims);
    const double interpolated = extrapolated * static_cast<double>(config.frequency_scale);
    if (!config.yarn) {
      frequencies[i] = interpolated;
      continue;
    }
    const double ramp = std::clamp((static_cast<double>(i) - low) / std::max(0.001, high - low), 0.0, 1.0);
    frequencies[i] = interpolated * ramp + extrapolated * (1.0 - ramp);
  }
  return frequencies;
}

RopeTable::RopeTable(const RopeConfig& config, int positions, const float* factors) : half_(config.dims / 2) {
  const std::vector<double> frequencies = rope_frequencies(config);
  const size_t size = static_cast<size_t>(positions) * static_cast<size_t>(half_);
  cosine_.reserve(size);
  sine_.reserve(size);
  for (int position = 0; position < positions; ++position) {
    for (int i = 0; i < half_; ++i) {
      const double factor = factors ? static_cast<double>(factors[i]) : 1.0;
      const double angle = position * frequencies[static_cast<size_t>(i)] / factor;
      cosine_.push_back(static_cast<float>(std::cos(angle)) * config.magnitude);
      sine_.push_back(static_cast<float>(std::sin(angle)) * config.magnitude);
    }
  }
}

void RopeTable::rotate(float* head, int position, RopePairs pairs) const {
  const float* cosine = cosine_.data() + static_cast<size_t>(position) * static_cast<size_t>(half_);
  const float* sine = sine_.data() + static_cast<size_t>(position) * static_cast<size_t>(half_);
  const int step = pairs == RopePairs::kHalves ? 1 : 2;
  const int distance = pairs == RopePairs::kHalves ? half_ : 1;
  for (int i = 0; i < half_; ++i) {
    float& a = head[i * step];
    float& b = head[i * step + distance];
    const float x = a;
    const float y = b;
    a = x * cosine[i] - y * sine[i];
    b = x * sine[i] + y * cosine[i];
  }
}

}  // namespace moeflow
