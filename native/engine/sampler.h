// From logits to the next token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace moeflow {

struct SamplingOptions {
  float temperature = 0.0F;     // 0: always the highest logit
  int32_t top_k = 0;            // keep the k highest, 0: all
  float top_p = 1.0F;           // keep the fewest whose probabilities reach p
  float min_p = 0.0F;           // keep those with at least min_p times the highest probability
  float repeat_penalty = 1.0F;  // divides positive logits of recent tokens, multiplies negative ones
  uint64_t seed = 0;
};

// Tokens back in the sequence that the repeat penalty looks at (llama.cpp's default).
inline constexpr size_t kRepeatWindow = 64;

class Sampler {
 public:
  // Chooses a token. `logits` is overwritten; `recent` are the sequence's tokens so far. The draw depends on the seed
  // and on the position only, so a sequence gets the same tokens in any company. Lowest id first among equals. Throws
  // Error(kInternal) when no logit is a number.
  int32_t sample(std::span<float> logits, const SamplingOptions& options, std::span<const int32_t> recent);

 private:
  struct Candidate {
    float logit;
    int32_t id;
  };
  std::vector<Candidate> candidates_;
  std::vector<double> weights_;
};

}  // namespace moeflow
