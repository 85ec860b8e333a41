// The residents of each class of slots as a heap: the one with the smallest key, of equals the one in the first slot,
// leaves first.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace moeflow {

template <typename Key>
class LeavingHeap {
 public:
  static constexpr int32_t kNone = -1;

  explicit LeavingHeap(int32_t experts)
      : position_(static_cast<size_t>(experts), kNone), class_of_(static_cast<size_t>(experts)) {}

  void enter(int32_t expert, int32_t slot, int32_t slot_class, const Key& key) {
    if (static_cast<size_t>(slot_class) >= heaps_.size()) heaps_.resize(static_cast<size_t>(slot_class) + 1);
    class_of_[static_cast<size_t>(expert)] = slot_class;
    Heap& heap = heap_of(expert);
    heap.push_back({key, slot, expert});
    rise(heap, heap.size() - 1);
  }
  // Its key has changed; nothing for one that has no place.
  void change(int32_t expert, const Key& key) {
    if (!has(expert)) return;
    Heap& heap = heap_of(expert);
    const size_t at = position_of(expert);
    heap[at].key = key;
    sink(heap, rise(heap, at));
  }
  void leave(int32_t expert) {
    if (!has(expert)) return;
    Heap& heap = heap_of(expert);
    const size_t at = position_of(expert);
    position_[static_cast<size_t>(expert)] = kNone;
    const Entry last = heap.back();
    heap.pop_back();
    if (at == heap.size()) return;
    put(heap, at, last);
    sink(heap, rise(heap, at));
  }
  // The keys of all have changed: `key` gives the new one of an expert.
  template <typename KeyOf>
  void change_all(KeyOf&& key) {
    for (Heap& heap : heaps_) {
      for (size_t i = 0; i < heap.size(); ++i) {
        heap[i].key = key(heap[i].expert);
        rise(heap, i);  // those before it are a heap already
      }
    }
  }
  // The first of those whose slots have this mark.
  int32_t first(int32_t slot_class, std::span<const uint8_t> marks, uint8_t mark) {
    if (static_cast<size_t>(slot_class) >= heaps_.size()) return kNone;
    const Heap& heap = heaps_[static_cast<size_t>(slot_class)];
    const Entry* best = nullptr;
    // Below one that has the mark, or comes after the best one so far, nothing is better.
    unseen_.assign(1, 0);
    while (!unseen_.empty()) {
      const size_t at = unseen_.back();
      unseen_.pop_back();
      if (at >= heap.size() || (best && !goes_before(heap[at], *best))) continue;
      if (marks[static_cast<size_t>(heap[at].slot)] == mark) {
        best = &heap[at];
      } else {
        unseen_.push_back(2 * at + 2);
        unseen_.push_back(2 * at + 1);
      }
    }
    return best ? best->expert : kNone;
  }

 private:
  struct Entry {
    Key key;
    int32_t slot;
    int32_t expert;
  };
  using Heap = std::vector<Entry>;

  static bool goes_before(const Entry& a, const Entry& b) {
    if (a.key < b.key) return true;
    return !(b.key < a.key) && a.slot < b.slot;
  }
  bool has(int32_t expert) const { return position_[static_cast<size_t>(expert)] != kNone; }
  size_t position_of(int32_t expert) const { return static_cast<size_t>(position_[static_cast<size_t>(expert)]); }
  Heap& heap_of(int32_t expert) { return heaps_[static_cast<size_t>(class_of_[static_cast<size_t>(expert)])]; }

  void put(Heap& heap, size_t at, const Entry& entry) {
    heap[at] = entry;
    position_[static_cast<size_t>(entry.expert)] = static_cast<int32_t>(at);
  }
  // Both give the place where it comes to rest.
  size_t rise(Heap& heap, size_t at) {
    const Entry entry = heap[at];
    for (; at > 0 && goes_before(entry, heap[(at - 1) / 2]); at = (at - 1) / 2) put(heap, at, heap[(at - 1) / 2]);
    put(heap, at, entry);
    return at;
  }
  size_t sink(Heap& heap, size_t at) {
    const Entry entry = heap[at];
    for (size_t child = 2 * at + 1; child < heap.size(); child = 2 * at + 1) {
      if (child + 1 < heap.size() && goes_before(heap[child + 1], heap[child])) ++child;
      if (!goes_before(heap[child], entry)) break;
      put(heap, at, heap[child]);
      at = child;
    }
    put(heap, at, entry);
    return at;
  }

  std::vector<Heap> heaps_;        // [class]
  std::vector<int32_t> position_;  // [expert] in its heap
  std::vector<int32_t> class_of_;  // [expert]
  std::vector<size_t> unseen_;
};

}  // namespace moeflow
