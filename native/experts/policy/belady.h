// Belady's optimum: whose next use is farthest away leaves. It needs to know the future, so it is for simulations only.
#pragma once

#include <algorithm>
#include <limits>
#include <memory>

#include "experts/policy/keyed.h"

namespace moeflow {

// When each expert will be used: 4 bytes for every use.
struct FutureUses {
  std::vector<uint64_t> begin;    // [expert + 1] in `requests`
  std::vector<uint32_t> request;  // the numbers of the requests that ask for it, rising
};

// By the number of the request that uses it next, negative.
class BeladyPolicy final : public KeyedPolicy<int64_t> {
 public:
  // Requests count from 0, by layer_begins().
  BeladyPolicy(const ExpertGrid& grid, std::shared_ptr<const FutureUses> uses)
      : KeyedPolicy(grid.experts()),
        uses_(std::move(uses)),
        next_(uses_->begin.begin(), uses_->begin.end() - 1),
        due_(next_.size()) {}

  void layer_begins(int32_t) override { ++request_; }
  void used(int32_t expert) override { key_changed(expert); }
  void expected(int32_t expert, int32_t requests, float, float) override {
    due_[static_cast<size_t>(expert)] = request_ + requests;
  }
  // What will be used is known of those that are here, not whether a prediction is right.
  bool gives_way(int32_t leaving, int32_t expected) const override {
    const auto e = static_cast<size_t>(leaving);
    const auto begin = uses_->request.begin() + static_cast<std::ptrdiff_t>(next_[e]);
    const auto end = uses_->request.begin() + static_cast<std::ptrdiff_t>(uses_->begin[e + 1]);
    const auto next = std::upper_bound(begin, end, request_);
    return next == end || int64_t{*next} > due_[static_cast<size_t>(expected)];
  }

 private:
  int64_t key(int32_t expert) override {
    const auto e = static_cast<size_t>(expert);
    uint64_t& next = next_[e];
    while (next < uses_->begin[e + 1] && uses_->request[next] <= request_) ++next;
    return next < uses_->begin[e + 1] ? -int64_t{uses_->request[next]} : -std::numeric_limits<int64_t>::max();
  }

  int64_t request_ = -1;
  std::shared_ptr<const FutureUses> uses_;
  std::vector<uint64_t> next_;  // [expert] in uses_->request
  std::vector<int64_t> due_;    // [expert] the request that it is expected by
};

}  // namespace moeflow
