// The residents of each class of slots from the longest unused one on: a doubly linked list through the experts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "experts/policy/last_use.h"

namespace moeflow {

class RecencyList {
 public:
  static constexpr int32_t kNone = -1;

  explicit RecencyList(int32_t experts) : experts_(experts), nodes_(static_cast<size_t>(experts)) {}

  // With the last use that it had, perhaps when it was here before. Who has been away is near the front.
  void enter(int32_t expert, int32_t slot, int32_t slot_class, const LastUse& last) {
    const int32_t end = end_of(slot_class);
    node(expert).slot = slot;
    node(expert).end = end;
    int32_t after = node(end).after;
    while (after != end && goes_before(after, expert, last)) after = node(after).after;
    link(expert, after);
  }
  // Used now; nothing for one that has no place.
  void touch(int32_t expert) {
    if (node(expert).slot == kNone) return;
    unlink(expert);
    link(expert, node(expert).end);
  }
  void leave(int32_t expert) {
    if (node(expert).slot == kNone) return;
    unlink(expert);
    node(expert).slot = kNone;
  }
  // The first whose slot has this mark.
  int32_t first(int32_t slot_class, std::span<const uint8_t> marks, uint8_t mark) {
    const int32_t end = end_of(slot_class);
    for (int32_t expert = node(end).after; expert != end; expert = node(expert).after) {
      if (marks[static_cast<size_t>(node(expert).slot)] == mark) return expert;
    }
    return kNone;
  }

 private:
  // Of an expert, or of a class: the end of its list, behind all experts.
  struct Node {
    int32_t before = kNone;
    int32_t after = kNone;
    int32_t slot = kNone;
    int32_t end = kNone;
  };

  Node& node(int32_t i) { return nodes_[static_cast<size_t>(i)]; }
  int32_t end_of(int32_t slot_class) {
    const int32_t end = experts_ + slot_class;
    while (static_cast<size_t>(end) >= nodes_.size()) {
      const auto i = static_cast<int32_t>(nodes_.size());
      nodes_.push_back({i, i, kNone, i});
    }
    return end;
  }
  bool goes_before(int32_t a, int32_t b, const LastUse& last) {
    return last.of(a) != last.of(b) ? last.of(a) < last.of(b) : node(a).slot < node(b).slot;
  }
  void link(int32_t expert, int32_t after) {
    const int32_t before = node(after).before;
    node(expert).before = before;
    node(expert).after = after;
    node(before).after = expert;
    node(after).before = expert;
  }
  void unlink(int32_t expert) {
    node(node(expert).before).after = node(expert).after;
    node(node(expert).after).before = node(expert).before;
  }

  int32_t experts_;
  std::vector<Node> nodes_;
};

}  // namespace moeflow
