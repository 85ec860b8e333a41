// Who leaves, by hand-made sequences of uses.
#include "experts/policy/policy.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/error.h"

using namespace moeflow;

namespace {

// One layer of 8 experts, two per token.
constexpr ExpertGrid kGrid = {1, 8, 1, 2};

int32_t leaves(const char* name, const std::vector<int32_t>& uses, const std::vector<int32_t>& residents) {
  const auto policy = make_policy({name, {}}, kGrid);
  for (const int32_t expert : uses) policy->used(expert);
  return policy->choose(residents);
}

}  // namespace

TEST_CASE("lru lets go of the expert whose last use is longest ago") {
  CHECK(leaves("lru", {0, 1, 2}, {0, 1, 2}) == 0);
  CHECK(leaves("lru", {0, 1, 2, 0}, {0, 1, 2}) == 1);
  CHECK(leaves("lru", {0, 1, 2, 0, 1}, {2, 1, 0}) == 2);
  CHECK(leaves("lru", {0, 1, 2, 0}, {0, 2}) == 2);  // 1 may not leave
}

TEST_CASE("lfu lets go of the expert with the fewest uses, of equals the one used longest ago") {
  CHECK(leaves("lfu", {0, 0, 1, 2, 2}, {0, 1, 2}) == 1);
  CHECK(leaves("lfu", {0, 0, 0, 1, 1, 2}, {0, 1, 2}) == 2);
  CHECK(leaves("lfu", {3}, {4, 3}) == 4);  // never used at all
}

TEST_CASE("for lfu an old habit fades") {
  std::vector<int32_t> uses(20, 0);       // twenty uses of 0,
  uses.insert(uses.end(), 2000, 7);       // long ago,
  uses.insert(uses.end(), {1, 1, 1, 1});  // against four new ones of 1
  CHECK(leaves("lfu", uses, {0, 1}) == 0);
}

TEST_CASE("frequencies stay right over very many uses") {
  std::vector<int32_t> uses(100'000, 7);
  uses.insert(uses.end(), {0, 0, 1});
  for (const char* policy : {"lfu", "plec"}) {
    CHECK(leaves(policy, uses, {0, 1, 7}) == 1);
    CHECK(leaves(policy, uses, {0, 7}) == 0);
  }
}

TEST_CASE("lfru weighs the number of uses against the time since the last one") {
  // 0: four uses, the last 4 uses ago; 1: one use, 3 ago.
  CHECK(leaves("lfru", {0, 0, 0, 0, 1, 2, 2, 3}, {0, 1}) == 1);
  CHECK(leaves("lfru", {0, 0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 1}, {0, 1}) == 0);
}

TEST_CASE("least-stale lets go of what its layer has gone without for longest; of equals, of the layer just run") {
  const ExpertGrid grid{2, 4, 2, 1};
  const auto policy = make_policy({"least-stale", {}}, grid);
  const auto run = [&](int32_t layer, int32_t expert) {
    policy->layer_begins(layer);
    policy->used(4 * layer + expert);
  };
  run(0, 0);
  run(1, 0);
  run(0, 1);  // layer 0 went without its expert 0
  CHECK(policy->choose(std::vector<int32_t>{1, 4, 0}) == 0);
  CHECK(policy->choose(std::vector<int32_t>{4, 1}) == 1);  // both fresh; layer 1 comes next
}

TEST_CASE("s3-fifo lets new experts go before those that were used again, and keeps what comes back") {
  const auto policy = make_policy({"s3-fifo", {}}, kGrid);
  for (const int32_t expert : {0, 0, 1, 2}) policy->used(expert);
  CHECK(policy->choose(std::vector<int32_t>{0, 1, 2}) == 1);
  policy->left(1);
  policy->used(3);
  policy->used(1);  // back at once: into the main queue
  CHECK(policy->choose(std::vector<int32_t>{1, 2, 3}) == 2);
}

TEST_CASE("static lets go of what is not in the list first, then of the least hot") {
  const std::vector<int32_t> hot = {5, 2};
  const auto policy = make_policy({"static", hot}, kGrid);
  for (const int32_t expert : {5, 2, 1, 0}) policy->used(expert);
  CHECK(policy->choose(std::vector<int32_t>{0, 1, 2, 5}) == 1);
  CHECK(policy->choose(std::vector<int32_t>{2, 5}) == 2);
  CHECK_THROWS_AS(make_policy({"static", std::vector<int32_t>{8}}, kGrid), Error);
  CHECK_THROWS_AS(make_policy({"static", std::vector<int32_t>{1, 1}}, kGrid), Error);
}

TEST_CASE("plec lets go of the expert whose next use is farthest away") {
  const ExpertGrid grid{4, 4, 4, 1};
  const auto policy = make_policy({"plec", {}}, grid);
  const auto run = [&](int32_t layer, int32_t expert) {
    policy->layer_begins(layer);
    policy->used(4 * layer + expert);
  };
  for (int token = 0; token < 6; ++token) {
    for (int32_t layer = 0; layer < 4; ++layer) run(layer, layer == 3 ? token % 2 : 0);
  }
  policy->layer_begins(0);
  policy->used(0);
  // Layer 3's experts take turns, so each comes in half of the tokens; all others in every token, and layer 1 is next.
  CHECK(policy->choose(std::vector<int32_t>{0, 4, 8, 12, 13}) >= 12);
  CHECK(policy->choose(std::vector<int32_t>{0, 4, 8}) == 0);  // has just been used
  CHECK(policy->choose(std::vector<int32_t>{4, 8}) == 8);
  // A prediction outweighs the estimate, until its time has come.
  policy->expected(14, 2, 1, kLaterNotKnown);
  CHECK(policy->choose(std::vector<int32_t>{8, 14}) == 8);
  policy->layer_begins(1);
  policy->layer_begins(2);
  CHECK(policy->choose(std::vector<int32_t>{8, 14}) == 14);
}

TEST_CASE(
    "plec keeps what is foreseen to be used soon again, from its forecast until its layer runs without a new one") {
  const ExpertGrid grid{2, 4, 2, 1};
  const std::vector<int32_t> both = {0, 1};
  const auto policy = make_policy({"plec", {}}, grid);
  const auto run = [&](int32_t layer) { policy->layer_begins(layer); };
  run(0);
  policy->used(0);
  run(1);
  CHECK(policy->choose(both) == 1);
  // Neither will be used by the next token, and after that the one that never was sooner than the other.
  policy->expected(0, 1, 0, 0);
  policy->expected(1, 1, 0, 1);
  CHECK(policy->choose(both) == 0);
  CHECK(policy->gives_way(0, 1));
  // What is expected now comes before what is later.
  policy->expected(0, 1, 1, 0);
  CHECK(policy->choose(both) == 1);
  // By routers that are asked early nothing is known of what comes later, which is as it was.
  policy->expected(0, 1, 0, kLaterNotKnown);
  policy->expected(1, 1, 0, kLaterNotKnown);
  CHECK(policy->choose(both) == 0);
  run(0);
  CHECK(policy->choose(both) == 0);
  run(1);
  CHECK(policy->choose(both) == 0);
  run(0);
  CHECK(policy->choose(both) == 1);
}

TEST_CASE("an unknown policy is an error that names the known ones") {
  try {
    make_policy({"random", {}}, kGrid);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidArgument);
    CHECK(std::string(error.what()) ==
          "there is no policy random; known are lru, lfu, lfru, least-stale, s3-fifo, static, plec");
  }
}
