#include "engine/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace moeflow {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014): one well-mixed number from a counter.
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// Uniform in [0, 1), from seed and position alone.
double uniform(uint64_t seed, uint64_t position) {
  return static_cast<double>(mix(mix(seed) + position) >> 11) * 0x1p-53;
}

void penalize(std::span<float> logits, float penalty, std::span<const int32_t> recent) {
  const size_t first = recent.size() > kRepeatWindow ? recent.size() - kRepeatWindow : 0;
  const std::span<const int32_t> window = recent.subspan(first);
  for (size_t i = 0; i < window.size(); ++i) {
    if (std::find(window.begin(), window.begin() + static_cast<std::ptrdiff_t>(i), window[i]) !=
        window.begin() + static_cast<std::ptrdiff_t>(i)) {
      continue;  // once per token, however often it occurred
    }
    float& logit = logits[static_cast<size_t>(window[i])];
    logit = logit > 0.0F ? logit / penalty : logit * penalty;
  }
}

int32_t highest(std::span<const float> logits) {
  int32_t best = -1;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!std::isnan(logits[i]) && (best < 0 || logits[i] > logits[static_cast<size_t>(best)]))
      best = static_cast<int32_t>(i);
  }
  if (best < 0) fail(ErrorCode::kInternal, "the model computed no number for any token; is its file damaged?");
  return best;
}

}  // namespace

int32_t Sampler::sample(std::span<float> logits, const SamplingOptions& options, std::span<const int32_t> recent) {
  if (options.repeat_penalty != 1.0F) penalize(logits, options.repeat_penalty, recent);
  const int32_t best = highest(logits);
  if (options.temperature <= 0.0F) return best;

  // The filters in llama.cpp's order: top-k, top-p, min-p, then temperature on what is left.
  const float peak = logits[static_cast<size_t>(best)];
  candidates_.clear();
  double total = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) continue;
    candidates_.push_back({logits[i], static_cast<int32_t>(i)});
  }
  const auto less_likely = [](const Candidate& a, const Candidate& b) {
    return a.logit < b.logit || (a.logit == b.logit && a.id > b.id);
  };
  const auto more_likely = [&](const Candidate& a, const Candidate& b) { return less_likely(b, a); };
  if (options.top_k > 0 && static_cast<size_t>(options.top_k) < candidates_.size()) {
    std::nth_element(candidates_.begin(), candidates_.begin() + options.top_k, candidates_.end(), more_likely);
    candidates_.resize(static_cast<size_t>(options.top_k));
  }
  for (const Candidate& c : candidates_) total += std::exp(static_cast<double>(c.logit - peak));

  // Most likely first, as far as top-p and min-p go; the draw then walks the same order.
  std::make_heap(candidates_.begin(), candidates_.end(), less_likely);
  weights_.clear();
  double reached = 0;
  double sum = 0;
  size_t left = candidates_.size();
  while (left > 0 && (weights_.empty() || reached < static_cast<double>(options.top_p) * total)) {
    const Candidate& next = candidates_.front();
    const double relative = std::exp(static_cast<double>(next.logit - peak));
    if (!weights_.empty() && relative < static_cast<double>(options.min_p)) break;
    reached += relative;
    weights_.push_back(std::exp(static_cast<double>(next.logit - peak) / static_cast<double>(options.temperature)));
    sum += weights_.back();
    std::pop_heap(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(left), less_likely);
    --left;  // candidates_[left] is now the one just taken
  }
  double draw = uniform(options.seed, recent.size()) * sum;
  for (size_t i = 0; i < weights_.size(); ++i) {
    draw -= weights_[i];
    if (draw < 0) return candidates_[candidates_.size() - 1 - i].id;
  }
  return best;
}

}  // namespace moeflow
