// When experts were last used, counted in uses: later is larger, 0 is never.
#pragma once

#include <cstdint>
#include <vector>

namespace moeflow {

class LastUse {
 public:
  explicit LastUse(int32_t experts) : of_(static_cast<size_t>(experts)) {}

  void used(int32_t expert) { of_[static_cast<size_t>(expert)] = ++now_; }
  uint64_t of(int32_t expert) const { return of_[static_cast<size_t>(expert)]; }
  uint64_t now() const { return now_; }

 private:
  uint64_t now_ = 0;
  std::vector<uint64_t> of_;
};

}  // namespace moeflow
