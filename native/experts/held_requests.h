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
  };
  std::vector<uint16_t> experts;
  std::vector<Request> requests;

  void add(const LayerRequest& request) {
    if (request.experts.empty()) return;
    experts.insert(experts.end(), request.experts.begin(), request.experts.end());
    requests.push_back(
        {request.layer, static_cast<uint32_t>(request.experts.size()), static_cast<uint32_t>(request.generating)});
  }

  // What `action` gets stays until its next call.
  template <typename Action>
  void for_each(Action&& action) const {
    LayerRequest unpacked;
    size_t begin = 0;
    for (const Request& request : requests) {
      const auto first = experts.begin() + static_cast<std::ptrdiff_t>(begin);
      unpacked.layer = request.layer;
      unpacked.experts.assign(first, first + request.count);
      unpacked.generating = request.generating;
      action(unpacked);
      begin += request.count;
    }
  }

  // `one_by_one`: each use is a request of its own.
  FutureUses uses(const ExpertGrid& grid, bool one_by_one) const {
    if (experts.size() > std::numeric_limits<uint32_t>::max()) {
      fail(ErrorCode::kInvalidArgument, "Belady's optimum can look at ", std::numeric_limits<uint32_t>::max(),
           " uses of experts at once, and the trace has ", experts.size(),
           "; leave it out, or let the caches begin empty with each sequence");
    }
    FutureUses uses;
    uses.begin.resize(static_cast<size_t>(grid.experts()) + 1);
    uses.request.resize(experts.size());
    const auto number = [&](const LayerRequest& request, int32_t expert) {
      return static_cast<size_t>(request.layer) * static_cast<size_t>(grid.per_layer) + static_cast<size_t>(expert);
    };
    for_each([&](const LayerRequest& request) {
      for (const int32_t expert : request.experts) ++uses.begin[number(request, expert) + 1];
    });
    for (size_t i = 1; i < uses.begin.size(); ++i) uses.begin[i] += uses.begin[i - 1];
    std::vector<uint64_t> next(uses.begin.begin(), uses.begin.end() - 1);
    uint32_t now = 0;
    for_each([&](const LayerRequest& request) {
      for (const int32_t expert : request.experts) {
        uses.request[next[number(request, expert)]++] = now;
        if (one_by_one) ++now;
      }
      if (!one_by_one) ++now;
    });
    return uses;
  }

  void clear() {
    experts.clear();
    requests.clear();
  }
};

}  // namespace moeflow
