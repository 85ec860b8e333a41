// Rotary position embedding: angles computed once in double precision, then applied by plain multiplication.
#pragma once

#include <vector>

#include "model/config.h"

namespace moeflow {

class RopeTable {
 public:
  // Angles for positions [0, positions). `factors` ([dims / 2], may be null) divide the frequencies (Llama 3).
  RopeTable(const RopeConfig& config, int positions, const float* factors);

  // Rotates the first config.dims values of `head` in place.
  void rotate(float* head, int position, RopePairs pairs) const;

 private:
  int half_;
  std::vector<float> cosine_;  // [position][half]
  std::vector<float> sine_;
};

// The frequency of each pair in radians per position. YaRN after Peng et al. 2023 (arXiv 2309.00071), section 3, with
// the correction range rounded to whole dimensions as llama.cpp does.
std::vector<double> rope_frequencies(const RopeConfig& config);

}  // namespace moeflow
