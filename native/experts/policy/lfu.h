// Least frequently used, by a frequency that fades; of equals, the least recently used.
#pragma once

#include <utility>

#include "experts/policy/frequency.h"
#include "experts/policy/leaving_heap.h"

namespace moeflow {

// Of published routes of single tokens, all half-lives from 4 to 24 hit within .02 of this one.
inline constexpr double kLfuHalfLifeTokens = 12;

class LfuPolicy final : public EvictionPolicy {
 public:
  explicit LfuPolicy(const ExpertGrid& grid) : frequency_(grid, kLfuHalfLifeTokens), heap_(grid.experts()) {}

  void used(int32_t expert) override {
    // Weights that are scaled down may become equal.
    if (frequency_.used(expert)) heap_.change_all([&](int32_t other) { return key(other); });
    heap_.change(expert, key(expert));
  }
  void left(int32_t expert) override { heap_.leave(expert); }
  int32_t choose(std::span<const int32_t> candidates) override {
    return smallest(candidates, [&](int32_t expert) { return key(expert); });
  }

  bool keeps_order() const override { return true; }
  void entered(int32_t expert, int32_t slot, int32_t slot_class) override {
    heap_.enter(expert, slot, slot_class, key(expert));
  }
  int32_t first_to_leave(int32_t slot_class, std::span<const uint8_t> marks, uint8_t mark) override {
    return heap_.first(slot_class, marks, mark);
  }

 private:
  using Key = std::pair<double, uint64_t>;
  Key key(int32_t expert) const { return {frequency_.weight(expert), frequency_.last(expert)}; }

  FadingFrequency frequency_;
  LeavingHeap<Key> heap_;
};

}  // namespace moeflow
