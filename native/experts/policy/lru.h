// Least recently used.
#pragma once

#include <algorithm>
#include <vector>

#include "experts/policy/policy.h"

namespace moeflow {

class LruPolicy final : public EvictionPolicy {
 public:
  explicit LruPolicy(int32_t experts) : last_use_(static_cast<size_t>(experts)) {}

  void used(int32_t expert) override { last_use_[static_cast<size_t>(expert)] = ++now_; }
  void left(int32_t) override {}
  int32_t choose(std::span<const int32_t> candidates) const override {
    return *std::min_element(candidates.begin(), candidates.end(), [&](int32_t a, int32_t b) {
      return last_use_[static_cast<size_t>(a)] < last_use_[static_cast<size_t>(b)];
    });
  }

 private:
  uint64_t now_ = 0;
  std::vector<uint64_t> last_use_;
};

}  // namespace moeflow
