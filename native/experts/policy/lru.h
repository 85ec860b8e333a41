// Least recently used.
#pragma once

#include "experts/policy/last_use.h"
#include "experts/policy/policy.h"
#include "experts/policy/recency_list.h"

namespace moeflow {

class LruPolicy final : public EvictionPolicy {
 public:
  explicit LruPolicy(const ExpertGrid& grid) : last_(grid.experts()), list_(grid.experts()) {}

  void used(int32_t expert) override {
    last_.used(expert);
    list_.touch(expert);
  }
  void left(int32_t expert) override { list_.leave(expert); }
  int32_t choose(std::span<const int32_t> candidates) override {
    return smallest(candidates, [&](int32_t expert) { return last_.of(expert); });
  }

  bool keeps_order() const override { return true; }
  void entered(int32_t expert, int32_t slot, int32_t slot_class) override {
    list_.enter(expert, slot, slot_class, last_);
  }
  int32_t first_to_leave(int32_t slot_class, std::span<const uint8_t> marks, uint8_t mark) override {
    return list_.first(slot_class, marks, mark);
  }

 private:
  LastUse last_;
  RecencyList list_;
};

}  // namespace moeflow
