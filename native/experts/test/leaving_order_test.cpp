// Policies that keep residents in order come to what looking at all of them finds.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "experts/policy/belady.h"
#include "experts/residency.h"

using namespace moeflow;

namespace {

// A policy that is only ever asked to choose among all candidates.
class ByLookingAtAll final : public EvictionPolicy {
 public:
  explicit ByLookingAtAll(std::unique_ptr<EvictionPolicy> policy) : policy_(std::move(policy)) {}
  void layer_begins(int32_t layer) override { policy_->layer_begins(layer); }
  void used(int32_t expert) override { policy_->used(expert); }
  void left(int32_t expert) override { policy_->left(expert); }
  void expected(int32_t expert, int32_t requests, float probability, float later) override {
    policy_->expected(expert, requests, probability, later);
  }
  int32_t choose(std::span<const int32_t> candidates) override { return policy_->choose(candidates); }
  bool gives_way(int32_t leaving, int32_t expected) const override { return policy_->gives_way(leaving, expected); }

 private:
  std::unique_ptr<EvictionPolicy> policy_;
};

struct Request {
  int32_t layer;
  std::vector<int32_t> experts;
  size_t generating;
};

// Some experts are more popular than others; now and then a layer asks for many. With prompts, if wanted.
std::vector<Request> random_requests(const ExpertGrid& grid, size_t count, bool prompts, std::mt19937& random) {
  std::vector<Request> requests;
  std::vector<int32_t> all(static_cast<size_t>(grid.per_layer));
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i);
  for (size_t r = 0; r < count; ++r) {
    Request request{static_cast<int32_t>(r) % grid.layers, {}, 0};
    const size_t wanted = 1 + random() % (random() % 4 == 0 ? all.size() : static_cast<size_t>(grid.used));
    std::shuffle(all.begin(), all.end(), random);
    for (size_t i = 0; i < wanted; ++i) {
      const int32_t expert = random() % 2 == 0 ? all[i] : all[i] / 2;
      if (std::find(request.experts.begin(), request.experts.end(), expert) == request.experts.end())
        request.experts.push_back(expert);
    }
    request.generating = prompts ? random() % (request.experts.size() + 1) : request.experts.size();
    requests.push_back(request);
  }
  return requests;
}

FutureUses uses_of(const ExpertGrid& grid, const std::vector<Request>& requests) {
  FutureUses uses;
  uses.begin.push_back(0);
  for (int32_t expert = 0; expert < grid.experts(); ++expert) {
    for (size_t r = 0; r < requests.size(); ++r) {
      const Request& request = requests[r];
      if (request.layer != grid.layer_of(expert)) continue;
      const int32_t of_layer = expert % grid.per_layer;
      if (std::find(request.experts.begin(), request.experts.end(), of_layer) != request.experts.end())
        uses.request.push_back(static_cast<uint32_t>(r));
    }
    uses.begin.push_back(uses.request.size());
  }
  return uses;
}

void check_equal(std::span<const Residency::Place> a, std::span<const Residency::Place> b) {
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    REQUIRE(a[i].expert == b[i].expert);
    REQUIRE(a[i].slot == b[i].slot);
    REQUIRE(a[i].present == b[i].present);
    REQUIRE(a[i].after == b[i].after);
  }
}

// What else happens between requests: experts that are held longer, bytes under way, fetches ahead, failures.
void disturb(Residency& a, Residency& b, const ExpertGrid& grid, std::mt19937& random) {
  for (int i = 0; i < 3; ++i) {
    const auto layer = static_cast<int32_t>(random() % static_cast<uint32_t>(grid.layers));
    const auto expert = static_cast<int32_t>(random() % static_cast<uint32_t>(grid.per_layer));
    const int32_t number = layer * grid.per_layer + expert;
    a.expect(layer, {&expert, 1});
    b.expect(layer, {&expert, 1});
    if (a.slot_of(number) != Residency::kNone) continue;
    const bool for_prompt = random() % 3 == 0;
    const int32_t slot = a.fetch_ahead(number, for_prompt);
    REQUIRE(b.fetch_ahead(number, for_prompt) == slot);
  }
  for (int i = 0; i < 3; ++i) {
    const auto slot = static_cast<int32_t>(random() % static_cast<uint32_t>(a.slots()));
    const bool filling = random() % 6 == 0;
    a.set_filling(slot, filling);
    b.set_filling(slot, filling);
    if (random() % 8 != 0 || a.expert_in(slot) == Residency::kNone) continue;
    a.clear(slot);
    b.clear(slot);
  }
}

void compare(const char* policy, unsigned seed) {
  std::mt19937 random(seed);
  const auto layers = static_cast<int32_t>(1 + random() % 4);
  const auto per_layer = static_cast<int32_t>(4 + random() % 12);
  const ExpertGrid grid{layers, per_layer, layers, static_cast<int32_t>(1 + random() % 3)};
  SlotClasses classes;
  classes.slots.push_back(grid.used + static_cast<int32_t>(random() % static_cast<uint32_t>(per_layer)));
  classes.slots.push_back(grid.used + static_cast<int32_t>(random() % static_cast<uint32_t>(per_layer)));
  for (int32_t layer = 0; layer < layers; ++layer) classes.of_layer.push_back(layer % 2);
  const bool belady = std::string_view(policy) == "belady";
  const auto requests = random_requests(grid, 400, !belady && seed % 2 == 1, random);
  const std::vector<int32_t> hot = {0, 3, 1};
  const auto uses = std::make_shared<const FutureUses>(uses_of(grid, requests));
  const auto make = [&]() -> std::unique_ptr<EvictionPolicy> {
    if (belady) return std::make_unique<BeladyPolicy>(grid, uses);
    return make_policy({policy, hot}, grid);
  };
  Residency ordered(grid, classes, make());
  Residency looking(grid, classes, std::make_unique<ByLookingAtAll>(make()));
  for (const Request& request : requests) {
    const auto places = ordered.request(request.layer, request.experts, request.generating);
    check_equal(places, looking.request(request.layer, request.experts, request.generating));
    const size_t done = random() % 4 == 0 ? random() % places.size() : places.size();
    for (size_t i = 0; i < done; ++i) {
      ordered.done(i);
      looking.done(i);
    }
    if (seed % 4 >= 2) disturb(ordered, looking, grid, random);
  }
}

}  // namespace

TEST_CASE("a policy that keeps order decides as if it had looked at all, also with slots held, filling and ahead") {
  for (const char* policy : {"lru", "lfu", "static", "belady"}) {
    CAPTURE(policy);
    for (unsigned seed = 0; seed < 60; ++seed) {
      CAPTURE(seed);
      compare(policy, seed);
    }
  }
}

TEST_CASE("the order of lfu stays right when weights have been scaled down") {
  const ExpertGrid grid{1, 16, 1, 1};
  Residency ordered(grid, {{0}, {6}}, make_policy({"lfu", {}}, grid));
  Residency looking(grid, {{0}, {6}}, std::make_unique<ByLookingAtAll>(make_policy({"lfu", {}}, grid)));
  std::mt19937 random(7);
  for (int i = 0; i < 30'000; ++i) {
    // For long times an expert is not used at all, so that its weight becomes 0.
    const std::vector<int32_t> expert = {static_cast<int32_t>(random() % (i / 9000 % 2 == 0 ? 16 : 5))};
    check_equal(ordered.request(0, expert, 1), looking.request(0, expert, 1));
    ordered.done(0);
    looking.done(0);
  }
}
