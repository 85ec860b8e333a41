// Who leaves, by hand-made sequences of uses.
#include "experts/policy/policy.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/error.h"

using namespace moeflow;

namespace {

int32_t leaves(const char* name, const std::vector<int32_t>& uses, const std::vector<int32_t>& residents) {
  const auto policy = make_policy(name, 8, 2);
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

TEST_CASE("an unknown policy is an error that names the known ones") {
  try {
    make_policy("random", 4, 2);
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInvalidArgument);
    CHECK(std::string(error.what()) == "there is no policy random; known are lru, lfu");
  }
}
