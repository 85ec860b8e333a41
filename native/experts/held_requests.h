// Requests that wait until all that follows them is known, in little memory.
#pragma once

#include <limits>

#include "base/error.h"
#include "experts/policy/belady.h"
#include "experts/route_steps.h"

namespace moeflow {

struct HeldRequests {
  struct Request {
    int32_t layer = 0;
    uint32_t count = 0;
    uint32_t generating = 0;
    uint32_t probable = 0;
    bool begins = false;  // a step
  };
  std::vector<uint16_t> experts;  // of each request what it asks for, then what is probable
  std::vector<Request> requests;

  // A step's requests in the order of their layers, and for each what a trained predictor said of it when the step
  // began.
  void add(std::span<const LayerRequest> step, std::span<const std::vector<int32_t>> probable) {
    bool begins = true;
    for (size_t i = 0; i < step.size(); ++i) {
      const LayerRequest& request = step[i];
      if (request.experts.empty()) continue;
      experts.insert(experts.end(), request.experts.begin(), request.experts.end());
      experts.insert(experts.end(), probable[i].begin(), probable[i].end());
      requests.push_back({request.layer, static_cast<uint32_t>(request.experts.size()),
                          static_cast<uint32_t>(request.generating), static_cast<uint32_t>(probable[i].size()),
                          begins});
      begins = false;
    }
  }

  // What `action` gets, requests and what was probable, stays until its next call.
  template <typename Action>
  void for_each_step(Action&& action) const {
    std::vector<LayerRequest> step;
    std::vector<std::vector<int32_t>> probable;
    auto at = experts.begin();
    for (size_t begin = 0, end = 0; begin < requests.size(); begin = end) {
      do ++end;
      while (end < requests.size() && !requests[end].begins);
      step.resize(end - begin);
      probable.resize(end - begin);
      for (size_t i = 0; i < step.size(); ++i) {
        const Request& request = requests[begin + i];
        step[i].layer = request.layer;
        step[i].generating = request.generating;
        step[i].experts.assign(at, at + request.count);
        at += request.count;
        probable[i].assign(at, at + request.probable);
        at += request.probable;
      }
      action(std::span<const LayerRequest>(step), std::span<const std::vector<int32_t>>(probable));
    }
  }

  // `one_by_one`: each use is a request of its own.
  FutureUses uses(const ExpertGrid& grid, bool one_by_one) const {
    uint64_t count = 0;
    for (const Request& request : requests) count += request.count;
    if (count > std::numeric_limits<uint32_t>::max()) {
      fail(ErrorCode::kInvalidArgument, "Belady's optimum can look at ", std::numeric_limits<uint32_t>::max(),
           " uses of experts at once, and the trace has ", count,
           "; leave it out, or let the caches begin empty with each sequence");
    }
    FutureUses uses;
    uses.begin.resize(static_cast<size_t>(grid.experts()) + 1);
    uses.request.resize(count);
    for_each_use(grid, [&](size_t expert, bool) { ++uses.begin[expert + 1]; });
    for (size_t i = 1; i < uses.begin.size(); ++i) uses.begin[i] += uses.begin[i - 1];
    std::vector<uint64_t> next(uses.begin.begin(), uses.begin.end() - 1);
    uint32_t now = 0;
    for_each_use(grid, [&](size_t expert, bool is_last) {
      uses.request[next[expert]++] = now;
      if (one_by_one || is_last) ++now;
    });
    return uses;
  }

  void clear() {
    experts.clear();
    requests.clear();
  }

 private:
  // `action` gets the expert's number in the grid, and whether it is the last one of its request.
  template <typename Action>
  void for_each_use(const ExpertGrid& grid, Action&& action) const {
    size_t at = 0;
    for (const Request& request : requests) {
      const size_t first = static_cast<size_t>(request.layer) * static_cast<size_t>(grid.per_layer);
      for (size_t i = 0; i < request.count; ++i) action(first + experts[at + i], i + 1 == request.count);
      at += request.count + request.probable;
    }
  }
};

}  // namespace moeflow
