// A given list of hot experts: they leave last, the least hot of them first. All others go by least recent use.
#pragma once

#include <utility>

#include "experts/policy/last_use.h"
#include "experts/policy/leaving_heap.h"
#include "experts/policy/policy.h"

namespace moeflow {

class StaticListPolicy final : public EvictionPolicy {
 public:
  // `hot`: the hottest first.
  StaticListPolicy(const ExpertGrid& grid, std::span<const int32_t> hot)
      : last_(grid.experts()), heat_(static_cast<size_t>(grid.experts())), heap_(grid.experts()) {
    int64_t heat = static_cast<int64_t>(hot.size());
    for (const int32_t expert : hot) heat_[static_cast<size_t>(expert)] = heat--;
  }

  void used(int32_t expert) override {
    last_.used(expert);
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
  using Key = std::pair<int64_t, uint64_t>;
  Key key(int32_t expert) const { return {heat_[static_cast<size_t>(expert)], last_.of(expert)}; }

  LastUse last_;
  std::vector<int64_t> heat_;  // 0: not in the list
  LeavingHeap<Key> heap_;
};

}  // namespace moeflow
