#include "model/router.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace moeflow {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

void softmax(float* x, int n) {
  const float highest = *std::max_element(x, x + n);
  float sum = 0.0F;
  for (int i = 0; i < n; ++i) {
    x[i] = std::exp(x[i] - highest);
    sum += x[i];
  }
  for (int i = 0; i < n; ++i) x[i] /= sum;
}

// Keeps the best groups and rules the other experts out. DeepSeek-V3 scores a group by its two best experts together,
// DeepSeek-V2 by its best one; GGUF has no key for it, but every published V3 has sigmoid scores and every V2 softmax.
void keep_best_groups(const RouterConfig& config, float* scores, float* group_scores) {
  const int size = config.experts / config.groups;
  for (int g = 0; g < config.groups; ++g) {
    float best = kNever;
    float second = kNever;
    for (int i = g * size; i < (g + 1) * size; ++i) {
      if (scores[i] > best) {
        second = best;
        best = scores[i];
      } else if (scores[i] > second) {
        second = scores[i];
      }
    }
    group_scores[g] = config.sigmoid && size > 1 ? best + second : best;
  }
  for (int dropped = config.groups_used; dropped < config.groups; ++dropped) {
    int worst = -1;
    for (int g = 0; g < config.groups; ++g) {
      // The last of equals goes first, so that the lowest stays.
      if (!std::isnan(group_scores[g]) && (worst < 0 || group_scores[g] <= group_scores[worst])) worst = g;
    }
    if (worst < 0) return;
    group_scores[worst] = std::numeric_limits<float>::quiet_NaN();
    std::fill(scores + worst * size, scores + (worst + 1) * size, kNever);
  }
}

// The k highest scores, falling, the lowest id first among equals. A score of NaN (a damaged file) loses to all others.
void choose(const float* scores, int experts, int used, int32_t* ids) {
  const auto score = [&](int e) { return std::isnan(scores[e]) ? kNever : scores[e]; };
  int chosen = 0;
  for (int e = 0; e < experts; ++e) {
    if (chosen == used && !(score(e) > score(ids[used - 1]))) continue;
    int at = chosen < used ? chosen++ : used - 1;
    for (; at > 0 && score(e) > score(ids[at - 1]); --at) ids[at] = ids[at - 1];
    ids[at] = e;
  }
}

}  // namespace

void route(const RouterConfig& config, float* logits, const float* selection_bias, float* scratch, int32_t* ids,
           float* weights) {
  float* scores = logits;  // what weighs
  if (config.sigmoid) {
    for (int e = 0; e < config.experts; ++e) scores[e] = 1.0F / (1.0F + std::exp(-scores[e]));
  } else if (!config.softmax_over_chosen) {
    softmax(scores, config.experts);
  }
  float* selection = scratch;  // what chooses
  for (int e = 0; e < config.experts; ++e) selection[e] = scores[e] + (selection_bias ? selection_bias[e] : 0.0F);
  if (config.groups > 1) keep_best_groups(config, selection, scratch + config.experts);
  choose(selection, config.experts, config.used, ids);

  for (int k = 0; k < config.used; ++k) weights[k] = scores[ids[k]];
  if (config.softmax_over_chosen) softmax(weights, config.used);
  if (config.normalize) {
    float sum = 0.0F;
    for (int k = 0; k < config.used; ++k) sum += weights[k];
    // DeepSeek's guard against a division by zero, far below any real sum.
    for (int k = 0; k < config.used; ++k) weights[k] /= sum + 1e-20F;
  }
  if (config.scale != 1.0F) {
    for (int k = 0; k < config.used; ++k) weights[k] *= config.scale;
  }
}

}  // namespace moeflow
