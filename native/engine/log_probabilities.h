// How likely tokens were, to the model itself: before temperature, penalties and filters.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace moeflow {

struct TokenLogProbability {
  int32_t token = -1;
  float value = 0;  // natural logarithm
};

// Those of the `most` most likely tokens, the likeliest first, the lower id first among equals. Logits that are no
// numbers are left out.
class LogProbabilities {
 public:
  explicit LogProbabilities(std::span<const float> logits);

  float of(int32_t token) const;
  std::vector<TokenLogProbability> most_likely(size_t most) const;

 private:
  std::vector<float> logits_;
  double peak_ = 0;
  double log_sum_ = 0;  // of exp(logit - peak)
};

}  // namespace moeflow
