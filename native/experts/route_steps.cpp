#include "experts/route_steps.h"

#include <bit>

#include "base/error.h"

namespace moeflow {

void check_grid(const ExpertGrid& grid) {
  if (grid.layers < 1 || grid.per_layer < 1 || grid.used < 1 || grid.used > grid.per_layer) {
    fail(ErrorCode::kInvalidArgument,
         "a trace needs at least one layer, and from 1 to all of its experts per token; it has ", grid.layers,
         " layers, ", grid.per_layer, " experts, ", grid.used, " per token");
  }
}

void check_steps(const ExpertGrid& grid, const RouteSteps& steps, uint64_t tokens_before) {
  const auto used = static_cast<size_t>(grid.used);
  const auto row = static_cast<size_t>(grid.layers) * used;
  if (steps.routes.size() % row != 0) {
    fail(ErrorCode::kInvalidArgument, "the trace has ", steps.routes.size(), " experts, which is not a multiple of ",
         row, " (layers times experts per token)");
  }
  // Wrong ones are rare: all are looked at quickly first.
  const auto per_layer = static_cast<uint32_t>(grid.per_layer);
  uint32_t largest = 0;
  for (const int32_t expert : steps.routes) largest = std::max(largest, static_cast<uint32_t>(expert + 1));
  if (largest > per_layer) {
    for (size_t i = 0; i < steps.routes.size(); ++i) {
      if (static_cast<uint32_t>(steps.routes[i] + 1) <= per_layer) continue;
      fail(ErrorCode::kInvalidArgument, "token ", tokens_before + i / row, ", layer ", i % row / used, ": expert ",
           steps.routes[i], " of ", grid.per_layer);
    }
  }
  const size_t tokens = steps.routes.size() / row;
  const auto check_size = [&](size_t size, const char* what) {
    if (size == 0 || size == tokens) return;
    fail(ErrorCode::kInvalidArgument, "the ", what, " of ", size, " tokens do not fit routes of ", tokens);
  };
  check_size(steps.generating.size(), "phases");
  check_size(steps.ids.size(), "ids");
  check_size(steps.sequences.size(), "sequences");
  check_size(steps.last.size(), "ends");
  if (steps.step_tokens.empty()) return;
  int64_t sum = 0;
  for (const int32_t count : steps.step_tokens) {
    if (count < 1) fail(ErrorCode::kInvalidArgument, "the trace has a step of ", count, " tokens; 1 is the least");
    sum += count;
  }
  if (sum != static_cast<int64_t>(tokens)) {
    fail(ErrorCode::kInvalidArgument, "the steps of the trace have ", sum, " tokens, and its routes ", tokens);
  }
}

StepRequests::StepRequests(const ExpertGrid& grid, AccessOrder order)
    : grid_(grid),
      order_(order),
      requests_(static_cast<size_t>(grid.layers)),
      wanted_((static_cast<size_t>(grid.per_layer) + 63) / 64),
      seen_(wanted_.size()) {
  for (int32_t layer = 0; layer < grid.layers; ++layer) requests_[static_cast<size_t>(layer)].layer = layer;
}

std::span<const LayerRequest> StepRequests::of(const RouteSteps& steps, size_t first_token, size_t tokens) {
  for (LayerRequest& request : requests_) {
    request.experts.clear();
    collect(steps, first_token, tokens, true, request);
    request.generating = request.experts.size();
    if (!steps.generating.empty()) collect(steps, first_token, tokens, false, request);
    if (order_ != AccessOrder::kRecorded) std::fill(seen_.begin(), seen_.end(), 0);
  }
  return requests_;
}

// Those of the step's tokens that are generating, or of the others.
void StepRequests::collect(const RouteSteps& steps, size_t first_token, size_t tokens, bool generating,
                           LayerRequest& request) {
  const auto used = static_cast<size_t>(grid_.used);
  const auto layers = static_cast<size_t>(grid_.layers);
  bool any = false;
  for (size_t token = first_token; token < first_token + tokens; ++token) {
    if (!steps.generating.empty() && (steps.generating[token] != 0) != generating) continue;
    add(steps.routes.subspan((token * layers + static_cast<size_t>(request.layer)) * used, used), request.experts);
    any = true;
  }
  if (!any || order_ == AccessOrder::kRecorded) return;
  for (size_t word = 0; word < wanted_.size(); ++word) {
    uint64_t fresh = wanted_[word] & ~seen_[word];
    seen_[word] |= fresh;
    wanted_[word] = 0;
    for (; fresh != 0; fresh &= fresh - 1) {
      request.experts.push_back(static_cast<int32_t>(word * 64) + std::countr_zero(fresh));
    }
  }
}

void StepRequests::add(std::span<const int32_t> route, std::vector<int32_t>& experts) {
  for (const int32_t expert : route) {
    if (expert == kNotRecorded) continue;
    if (order_ == AccessOrder::kRecorded) {
      experts.push_back(expert);
    } else {
      wanted_[static_cast<size_t>(expert) / 64] |= uint64_t{1} << (static_cast<size_t>(expert) % 64);
    }
  }
}

}  // namespace moeflow
