// Policies by which the resident with the smallest key leaves first, where keys change with uses alone.
#pragma once

#include "experts/policy/leaving_heap.h"
#include "experts/policy/policy.h"

namespace moeflow {

template <typename Key>
class KeyedPolicy : public EvictionPolicy {
 public:
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

 protected:
  explicit KeyedPolicy(int32_t experts) : heap_(experts) {}

  virtual Key key(int32_t expert) = 0;
  // The expert's key has changed, or those of all have.
  void key_changed(int32_t expert) { heap_.change(expert, key(expert)); }
  void keys_changed() {
    heap_.change_all([&](int32_t expert) { return key(expert); });
  }

 private:
  LeavingHeap<Key> heap_;
};

}  // namespace moeflow
