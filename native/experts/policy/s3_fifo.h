// Three queues (Yang et al. 2023, "FIFO queues are all you need for cache eviction"): new experts wait in a small one,
// leave from it unless they were used again, and go to the main one if they were, or if they come back soon after
// having left. In the main one a used expert gets another round.
#pragma once

#include <deque>

#include "experts/policy/policy.h"

namespace moeflow {

class S3FifoPolicy final : public EvictionPolicy {
 public:
  explicit S3FifoPolicy(const ExpertGrid& grid) : entries_(static_cast<size_t>(grid.experts())) {}

  void used(int32_t expert) override {
    Entry& entry = entries_[static_cast<size_t>(expert)];
    if (entry.queue != Queue::kNone) {
      entry.uses = std::min(entry.uses + 1, 3);
      return;
    }
    entry.queue = remembered(entry) ? Queue::kMain : Queue::kSmall;
    entry.uses = 0;
    entry.since = ++now_;
    if (entry.queue == Queue::kSmall) ++small_;
    ++residents_;
  }

  void left(int32_t expert) override {
    Entry& entry = entries_[static_cast<size_t>(expert)];
    if (entry.queue == Queue::kNone) return;  // never used
    if (entry.queue == Queue::kSmall) {
      --small_;
      entry.left_small_at = ++departures_;
    }
    entry.queue = Queue::kNone;
    --residents_;
  }

  int32_t choose(std::span<const int32_t> candidates) override {
    begin_order(candidates);
    if (kSmallShare * small_ >= residents_) {
      for (size_t i = 0; i < candidates.size(); ++i) {
        const int32_t expert = in_order(i);
        Entry& e = entry(expert);
        if (e.queue != Queue::kSmall) continue;
        if (e.uses == 0) return expert;
        e.queue = Queue::kMain;
        e.uses = 0;
        e.since = ++now_;
        --small_;
      }
    }
    // Each round takes one use from those that have any, so at most four are needed.
    for (;;) {
      bool any = false;
      for (size_t i = 0; i < candidates.size(); ++i) {
        const int32_t expert = in_order(i);
        Entry& e = entry(expert);
        if (e.queue == Queue::kSmall) continue;
        if (e.uses == 0) return expert;
        any = true;
        --e.uses;
        e.since = ++now_;
      }
      if (!any) return in_order(0);
    }
  }

 private:
  enum class Queue : uint8_t { kNone, kSmall, kMain };
  struct Entry {
    Queue queue = Queue::kNone;
    int uses = 0;                // since it came, at most 3
    uint64_t since = 0;          // its place in the queue
    uint64_t left_small_at = 0;  // in departures from the small queue; 0: never
  };
  // The small queue has one place in so many.
  static constexpr int64_t kSmallShare = 10;

  // Candidates in the order of their queues, of equals as they were given: sorted only as far as somebody looks.
  struct Queued {
    uint64_t since = 0;
    size_t candidate = 0;
    int32_t expert = 0;
    // So that the first one is on top of a heap.
    bool operator<(const Queued& other) const {
      return since != other.since ? since > other.since : candidate > other.candidate;
    }
  };
  void begin_order(std::span<const int32_t> candidates) {
    order_.clear();
    unsorted_.clear();
    for (const int32_t expert : candidates) unsorted_.push_back({entry(expert).since, unsorted_.size(), expert});
    std::make_heap(unsorted_.begin(), unsorted_.end());
  }
  int32_t in_order(size_t i) {
    while (order_.size() <= i) {
      order_.push_back(unsorted_.front().expert);
      std::pop_heap(unsorted_.begin(), unsorted_.end());
      unsorted_.pop_back();
    }
    return order_[i];
  }

  Entry& entry(int32_t expert) { return entries_[static_cast<size_t>(expert)]; }
  // As many of those that left the small queue are remembered as there are places.
  bool remembered(const Entry& e) const {
    return e.left_small_at > 0 && departures_ - e.left_small_at < static_cast<uint64_t>(residents_);
  }

  std::vector<Entry> entries_;
  std::vector<Queued> unsorted_;
  std::vector<int32_t> order_;
  uint64_t now_ = 0;
  uint64_t departures_ = 0;
  int64_t small_ = 0;
  int64_t residents_ = 0;
};

}  // namespace moeflow
