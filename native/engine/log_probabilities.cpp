#include "engine/log_probabilities.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace moeflow {

LogProbabilities::LogProbabilities(std::span<const float> logits) : logits_(logits.begin(), logits.end()) {
  peak_ = -std::numeric_limits<double>::infinity();
  for (const float logit : logits_) {
    if (!std::isnan(logit)) peak_ = std::max(peak_, static_cast<double>(logit));
  }
  double sum = 0;
  for (const float logit : logits_) {
    if (!std::isnan(logit)) sum += std::exp(static_cast<double>(logit) - peak_);
  }
  log_sum_ = std::log(sum);
}

float LogProbabilities::of(int32_t token) const {
  return static_cast<float>(static_cast<double>(logits_[static_cast<size_t>(token)]) - peak_ - log_sum_);
}

std::vector<TokenLogProbability> LogProbabilities::most_likely(size_t most) const {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < logits_.size(); ++i) {
    if (!std::isnan(logits_[i])) ids.push_back(static_cast<int32_t>(i));
  }
  most = std::min(most, ids.size());
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(most), ids.end(), [&](int32_t a, int32_t b) {
    const float of_a = logits_[static_cast<size_t>(a)], of_b = logits_[static_cast<size_t>(b)];
    return of_a > of_b || (of_a == of_b && a < b);
  });
  std::vector<TokenLogProbability> likely;
  for (size_t i = 0; i < most; ++i) likely.push_back({ids[i], of(ids[i])});
  return likely;
}

}  // namespace moeflow
