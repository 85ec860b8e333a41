#include "experts/simulation.h"

#include <numeric>

#include "base/error.h"
#include "experts/policy/belady.h"

namespace moeflow {
namespace {

struct Request {
  int32_t layer = 0;
  std::vector<int32_t> experts;  // different ones, rising: first those of generating tokens
  size_t generating = 0;
};

void check(const RouteTrace& trace, const SlotClasses& slots) {
  const ExpertGrid& grid = trace.grid;
  const auto row = static_cast<size_t>(grid.layers) * static_cast<size_t>(grid.used);
  if (grid.layers < 1 || grid.per_layer < 1 || grid.used < 1 || grid.used > grid.per_layer) {
    fail(ErrorCode::kInvalidArgument,
         "a trace needs at least one layer, and from 1 to all of its experts per token; it has ", grid.layers,
         " layers, ", grid.per_layer, " experts, ", grid.used, " per token");
  }
  if (trace.routes.size() % row != 0) {
    fail(ErrorCode::kInvalidArgument, "the trace has ", trace.routes.size(), " experts, which is not a multiple of ",
         row, " (layers times experts per token)");
  }
  for (size_t i = 0; i < trace.routes.size(); ++i) {
    if (trace.routes[i] >= 0 && trace.routes[i] < grid.per_layer) continue;
    fail(ErrorCode::kInvalidArgument, "token ", i / row, ", layer ", i % row / static_cast<size_t>(grid.used),
         ": expert ", trace.routes[i], " of ", grid.per_layer);
  }
  const auto sum = [](std::span<const int32_t> counts, const char* what) {
    int64_t total = 0;
    for (const int32_t count : counts) {
      if (count < 1) fail(ErrorCode::kInvalidArgument, "the trace has ", what, " of ", count, "; 1 is the least");
      total += count;
    }
    return total;
  };
  if (!trace.item_tokens.empty() &&
      sum(trace.item_tokens, "a sequence's number of tokens") != static_cast<int64_t>(trace.routes.size() / row)) {
    fail(ErrorCode::kInvalidArgument, "the steps of the trace do not have as many tokens as it has routes for");
  }
  if (!trace.step_items.empty() &&
      sum(trace.step_items, "a step's number of sequences") != std::ssize(trace.item_tokens)) {
    fail(ErrorCode::kInvalidArgument, "the steps of the trace do not have as many sequences as there are");
  }
  if (slots.of_layer.size() != static_cast<size_t>(grid.layers)) {
    fail(ErrorCode::kInvalidArgument, "there are classes of slots for ", slots.of_layer.size(), " layers of ",
         grid.layers);
  }
  for (const int32_t c : slots.of_layer) {
    const bool known = c >= 0 && c < std::ssize(slots.slots);
    const int32_t count = known ? slots.slots[static_cast<size_t>(c)] : 0;
    if (count >= grid.used) continue;
    fail(ErrorCode::kInvalidArgument, count, " slots are too few: a token uses ", grid.used, " experts of a layer");
  }
}

// The experts of a layer that some tokens use, those of generating ones first.
Request request_of(const RouteTrace& trace, int32_t layer, size_t first_token,
                   const std::vector<bool>& token_generates) {
  const ExpertGrid& grid = trace.grid;
  const auto used = static_cast<size_t>(grid.used);
  const auto layers = static_cast<size_t>(grid.layers);
  Request request{layer, {}, 0};
  std::vector<bool> seen(static_cast<size_t>(grid.per_layer));
  for (const bool generating : {true, false}) {
    std::vector<bool> wanted(seen.size());
    for (size_t t = 0; t < token_generates.size(); ++t) {
      if (token_generates[t] != generating) continue;
      const auto route = trace.routes.subspan(((first_token + t) * layers + static_cast<size_t>(layer)) * used, used);
      for (const int32_t expert : route) wanted[static_cast<size_t>(expert)] = true;
    }
    for (size_t e = 0; e < wanted.size(); ++e) {
      if (wanted[e] && !seen[e]) request.experts.push_back(static_cast<int32_t>(e));
      seen[e] = seen[e] || wanted[e];
    }
    if (generating) request.generating = request.experts.size();
  }
  return request;
}

std::vector<Request> requests_of(const RouteTrace& trace) {
  const auto row = static_cast<size_t>(trace.grid.layers) * static_cast<size_t>(trace.grid.used);
  const size_t tokens = trace.routes.size() / row;
  std::vector<Request> requests;
  size_t item = 0;
  for (size_t token = 0, step = 0; token < tokens; ++step) {
    std::vector<bool> token_generates(1, true);
    if (!trace.item_tokens.empty()) {
      token_generates.clear();
      const int32_t items = trace.step_items.empty() ? 1 : trace.step_items[step];
      for (int32_t i = 0; i < items; ++i, ++item) {
        const auto count = static_cast<size_t>(trace.item_tokens[item]);
        token_generates.insert(token_generates.end(), count, count == 1);
      }
    }
    for (int32_t layer = 0; layer < trace.grid.layers; ++layer)
      requests.push_back(request_of(trace, layer, token, token_generates));
    token += token_generates.size();
  }
  return requests;
}

std::unique_ptr<EvictionPolicy> policy_for(const SimulationOptions& options, const ExpertGrid& grid,
                                           const std::vector<Request>& requests) {
  if (options.policy != "belady") return make_policy({options.policy, options.hot}, grid);
  std::vector<std::vector<int32_t>> uses;
  for (const Request& request : requests) {
    auto& numbers = uses.emplace_back(request.experts);
    for (int32_t& expert : numbers) expert += request.layer * grid.per_layer;
  }
  return std::make_unique<BeladyPolicy>(grid, uses);
}

}  // namespace

std::vector<SimulatedLayer> simulate(const RouteTrace& trace, const SimulationOptions& options) {
  check(trace, options.slots);
  const std::vector<Request> requests = requests_of(trace);
  Residency residency(trace.grid, options.slots, policy_for(options, trace.grid, requests));
  std::vector<SimulatedLayer> layers(static_cast<size_t>(trace.grid.layers));
  for (const Request& request : requests) {
    // The optimum knows better than to treat prompts in a special way.
    const size_t generating = options.policy == "belady" ? request.experts.size() : request.generating;
    const auto places = residency.request(request.layer, request.experts, generating);
    SimulatedLayer& layer = layers[static_cast<size_t>(request.layer)];
    for (const Residency::Place& place : places) ++(place.present ? layer.hits : layer.misses);
    for (size_t i = 0; i < places.size(); ++i) residency.done(i);
  }
  return layers;
}

}  // namespace moeflow
