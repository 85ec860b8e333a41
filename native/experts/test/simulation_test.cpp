// A trace replayed: hits as an independent recount finds them, and the optimum as trying everything finds it.
#include "experts/simulation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <set>

#include "base/error.h"

using namespace moeflow;

namespace {

const std::vector<const char*> kAllPolicies = {"lru", "lfu", "lfru", "least-stale", "s3-fifo", "static", "plec"};

struct Trace {
  ExpertGrid grid;
  std::vector<int32_t> routes;

  uint64_t hits(const char* policy, int32_t slots) const {
    SimulatedCache options;
    options.policy = policy;
    options.slots = {std::vector<int32_t>(static_cast<size_t>(grid.layers)), {slots}};
    options.hot = {0, 3, 5};
    uint64_t hits = 0;
    for (const SimulatedLayer& layer : simulate({grid, routes, {}, {}}, options)) hits += layer.hits;
    return hits;
  }
};

// Every token uses different experts of each layer, any with the same probability.
Trace random_trace(ExpertGrid grid, int tokens, unsigned seed) {
  Trace trace{grid, {}};
  std::mt19937 random(seed);
  std::vector<int32_t> all(static_cast<size_t>(grid.per_layer));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i);
  for (int i = 0; i < tokens * grid.layers; ++i) {
    std::shuffle(all.begin(), all.end(), random);
    trace.routes.insert(trace.routes.end(), all.begin(), all.begin() + grid.used);
  }
  return trace;
}

// The most hits that any choice of leaving experts gives, by trying all of them.
uint64_t most_hits(const Trace& trace, size_t slots) {
  const auto used = static_cast<size_t>(trace.grid.used);
  std::function<uint64_t(size_t, std::set<int32_t>)> go = [&](size_t at, std::set<int32_t> resident) -> uint64_t {
    if (at == trace.routes.size()) return 0;
    const auto layer = static_cast<int32_t>(at / used) % trace.grid.layers;
    std::set<int32_t> wanted;
    for (size_t k = 0; k < used; ++k) wanted.insert(layer * trace.grid.per_layer + trace.routes[at + k]);
    uint64_t hits = 0;
    for (const int32_t expert : wanted) hits += resident.count(expert);
    resident.insert(wanted.begin(), wanted.end());
    if (resident.size() <= slots) return hits + go(at + used, resident);
    // Try every set of the others that is small enough.
    std::vector<int32_t> others;
    std::set_difference(resident.begin(), resident.end(), wanted.begin(), wanted.end(), std::back_inserter(others));
    std::vector<bool> stays(others.size());
    std::fill(stays.begin(), stays.begin() + static_cast<std::ptrdiff_t>(slots - wanted.size()), true);
    uint64_t best = 0;
    do {
      std::set<int32_t> kept = wanted;
      for (size_t i = 0; i < others.size(); ++i) {
        if (stays[i]) kept.insert(others[i]);
      }
      best = std::max(best, go(at + used, kept));
    } while (std::prev_permutation(stays.begin(), stays.end()));
    return hits + best;
  };
  return go(0, {});
}

std::string refusal(const RouteTrace& trace, const SimulatedCache& options) {
  try {
    simulate(trace, options);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidArgument);
    return error.what();
  }
  FAIL("accepted");
  return {};
}

}  // namespace

TEST_CASE("belady hits as often as any choice of leaving experts can") {
  for (unsigned seed = 0; seed < 30; ++seed) {
    const Trace trace = random_trace({2, 3, 2, 1 + static_cast<int32_t>(seed % 2)}, 5, seed);
    CAPTURE(seed);
    CHECK(trace.hits("belady", 3) == most_hits(trace, 3));
  }
}

TEST_CASE("no policy beats belady, and with a slot for each expert all hit after the first use") {
  const Trace trace = random_trace({4, 16, 4, 3}, 200, 1);
  std::set<std::pair<size_t, int32_t>> different;
  for (size_t i = 0; i < trace.routes.size(); ++i) different.insert({i / 3 % 4, trace.routes[i]});
  for (const char* policy : kAllPolicies) {
    CAPTURE(policy);
    for (const int32_t slots : {3, 8, 20, 40}) CHECK(trace.hits(policy, slots) <= trace.hits("belady", slots));
    CHECK(trace.hits(policy, 64) == trace.routes.size() - different.size());
  }
}

TEST_CASE("on uniformly random routes every policy hits in slots / experts of the cases") {
  const ExpertGrid grid{2, 32, 2, 2};
  const Trace trace = random_trace(grid, 10000, 2);
  for (const char* policy : kAllPolicies) {
    CAPTURE(policy);
    const double rate = static_cast<double>(trace.hits(policy, 24)) / static_cast<double>(trace.routes.size());
    // 40,000 uses: five standard deviations are .012. A slot that its layer has just asked for is no use to the next
    // layer, which costs or gains a little.
    CHECK(rate == doctest::Approx(24.0 / 64).epsilon(0.04));
  }
}

TEST_CASE("tokens of a step share a request; those that come alone are generated ones") {
  // Two sequences in one step: experts 0 and 1, then a prompt of two tokens that use 1 and 2.
  const std::vector<int32_t> routes = {0, 1, 1, 2};
  const std::vector<int32_t> item_tokens = {1, 1, 2};
  const std::vector<int32_t> step_items = {2, 1};
  SimulatedCache options;
  options.policy = "lru";
  options.slots = {{0}, {4}};
  const auto layers = simulate({{1, 4, 1, 1}, routes, item_tokens, step_items}, options);
  CHECK(layers[0].hits == 1);
  CHECK(layers[0].misses == 3);
}

TEST_CASE("a trace or options that make no sense are refused with the place and the reason") {
  const std::vector<int32_t> routes = {0, 1, 2, 9};
  SimulatedCache options;
  options.slots = {{0, 0}, {4}};
  const ExpertGrid grid{2, 8, 2, 1};
  CHECK(refusal({grid, routes, {}, {}}, options) == "token 1, layer 1: expert 9 of 8");
  CHECK(refusal({grid, std::span(routes).first(3), {}, {}}, options).find("not a multiple of 2") != std::string::npos);
  const std::vector<int32_t> one = {1};
  const std::vector<int32_t> none = {0};
  const auto good = std::span(routes).first(2);
  CHECK(refusal({grid, std::span(routes).first(0), one, {}}, options).find("as many tokens") != std::string::npos);
  CHECK(refusal({grid, good, none, {}}, options).find("1 is the least") != std::string::npos);
  CHECK(refusal({grid, good, one, none}, options).find("1 is the least") != std::string::npos);
  options.policy = "random";
  CHECK(refusal({grid, good, {}, {}}, options).find("there is no policy random") == 0);
  options.policy = "static";
  CHECK(refusal({grid, good, {}, {}}, options).find("needs a list of hot experts") != std::string::npos);
  options.slots.slots = {0};
  CHECK(refusal({grid, good, {}, {}}, options).find("0 slots are too few") == 0);
}
