// Belady's optimum: whose next use is farthest away leaves. It needs to know the future, so it is for simulations only.
#pragma once

#include <limits>
#include <memory>

#include "experts/policy/leaving_heap.h"
#include "experts/policy/policy.h"

namespace moeflow {

// When each expert will be used: 4 bytes for every use.
struct FutureUses {
  std::vector<uint64_t> begin;    // [expert + 1] in `requests`
  std::vector<uint32_t> request;  // the numbers of the requests that ask for it, rising
};

class BeladyPolicy final : public EvictionPolicy {
 public:
  // Requests count from 0, by layer_begins().
  BeladyPolicy(const ExpertGrid& grid, std::shared_ptr<const FutureUses> uses)
      : uses_(std::move(uses)), next_(uses_->begin.begin(), uses_->begin.end() - 1), heap_(grid.experts()) {}

  void layer_begins(int32_t) override { ++request_; }
  void used(int32_t expert) override { heap_.change(expert, -next_use(expert)); }
  void left(int32_t expert) override { heap_.leave(expert); }
  int32_t choose(std::span<const int32_t> candidates) override {
    return smallest(candidates, [&](int32_t expert) { return -next_use(expert); });
  }

  bool keeps_order() const override { return true; }
  void entered(int32_t expert, int32_t slot, int32_t slot_class) override {
    heap_.enter(expert, slot, slot_class, -next_use(expert));
  }
  int32_t first_to_leave(int32_t slot_class, std::span<const uint8_t> marks, uint8_t mark) override {
    return heap_.first(slot_class, marks, mark);
  }

 private:
  int64_t next_use(int32_t expert) {
    const auto e = static_cast<size_t>(expert);
    uint64_t& next = next_[e];
    while (next < uses_->begin[e + 1] && uses_->request[next] <= request_) ++next;
    return next < uses_->begin[e + 1] ? uses_->request[next] : std::numeric_limits<int64_t>::max();
  }

  int64_t request_ = -1;
  std::shared_ptr<const FutureUses> uses_;
  std::vector<uint64_t> next_;  // [expert] in uses_->request
  LeavingHeap<int64_t> heap_;   // of numbers of requests, negative
};

}  // namespace moeflow
