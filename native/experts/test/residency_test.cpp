// Who gets which slot, decided without bytes.
#include "experts/residency.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace moeflow;

namespace {

// Three layers of 8 experts in equal slots, kept by least recent use.
Residency residency(int32_t slots) {
  const ExpertGrid grid{3, 8, 3, 2};
  return {grid, {{0, 0, 0}, {slots}}, make_policy({"lru", {}}, grid)};
}

std::vector<Residency::Place> use(Residency& residency, int32_t layer, const std::vector<int32_t>& experts,
                                  bool generating = true) {
  const auto places = residency.request(layer, experts, generating ? experts.size() : 0);
  std::vector<Residency::Place> copy(places.begin(), places.end());
  for (size_t i = 0; i < copy.size(); ++i) residency.done(i);
  return copy;
}

int64_t present(const Residency& residency, int32_t layer) {
  int64_t count = 0;
  for (int32_t e = 0; e < 8; ++e) count += residency.slot_of(8 * layer + e) != Residency::kNone ? 1 : 0;
  return count;
}

const std::vector<int32_t> kAll = {0, 1, 2, 3, 4, 5, 6, 7};

}  // namespace

TEST_CASE("residents come first and stay; the others take empty slots, then that of the least recently used") {
  Residency r = residency(3);
  use(r, 0, {0, 1});
  const auto places = use(r, 0, {2, 1});
  REQUIRE(places.size() == 2);
  CHECK(places[0].expert == 1);
  CHECK(places[0].present);
  CHECK(places[1].expert == 2);
  CHECK_FALSE(places[1].present);
  CHECK(places[1].after == Residency::kNone);
  use(r, 1, {7});  // expert 0 of layer 0 has not been used for longest
  CHECK(r.slot_of(0) == Residency::kNone);
  CHECK(r.slot_of(1) != Residency::kNone);
  CHECK(r.slot_of(2) != Residency::kNone);
}

TEST_CASE("a request for more experts than there are slots goes through them in turn") {
  Residency r = residency(2);
  use(r, 0, {3});
  const auto places = use(r, 0, {0, 1, 2, 3});
  REQUIRE(places.size() == 4);
  CHECK(places[0].expert == 3);
  CHECK(places[1].expert == 0);
  CHECK(places[2].expert == 1);
  CHECK(places[2].after == 0);
  CHECK(places[2].slot == places[0].slot);
  CHECK(places[3].expert == 2);
  CHECK(places[3].after == 1);
  CHECK(present(r, 0) == 2);
}

TEST_CASE("a long prompt leaves at least half of what generated tokens use where it is") {
  Residency r = residency(8);
  use(r, 0, kAll);
  for (int round = 0; round < 3; ++round) {
    for (int32_t layer = 0; layer < 3; ++layer) CHECK(use(r, layer, kAll, false).size() == 8);
  }
  CHECK(present(r, 0) >= 4);
}

TEST_CASE("what only prompts have used leaves first when tokens are generated again") {
  Residency r = residency(8);
  use(r, 0, {0, 1, 2, 3});
  use(r, 1, {0, 1, 2, 3}, false);
  use(r, 2, {4, 5, 6, 7});
  CHECK(present(r, 0) == 4);
  CHECK(present(r, 1) == 0);
  CHECK(present(r, 2) == 4);
}

TEST_CASE("a prompt that goes through all layers again finds some of its experts") {
  Residency r = residency(12);
  int64_t hits = 0;
  for (int round = 0; round < 4; ++round) {
    for (int32_t layer = 0; layer < 3; ++layer) {
      for (const auto& place : use(r, layer, kAll, false)) hits += place.present ? 1 : 0;
    }
  }
  // Of 24 experts per round 12 have a place; those of the layer under way take up to 8 of these.
  CHECK(hits >= 3 * 4);
}

TEST_CASE("a prompt's use of what generated tokens use does not make it leave earlier, nor later") {
  Residency r = residency(3);
  use(r, 0, {0, 1, 2});
  use(r, 0, {0}, false);
  use(r, 1, {5});
  CHECK(r.slot_of(0) == Residency::kNone);
  CHECK(present(r, 0) == 2);
}

TEST_CASE("fetching ahead takes free slots and those of experts that may leave, up to half, and none in use") {
  Residency r = residency(4);
  const std::vector<int32_t> two = {0, 1};
  r.request(0, two, 2);
  const int32_t first = r.fetch_ahead(8, false);
  CHECK(first != Residency::kNone);
  CHECK(r.is_ahead(first));
  CHECK(r.fetch_ahead(9, false) != Residency::kNone);
  CHECK(r.fetch_ahead(10, false) == Residency::kNone);
  CHECK(present(r, 0) == 2);
  // Used, it is like any other; unused, it counts as wasted when it leaves.
  use(r, 1, {0});
  CHECK_FALSE(r.is_ahead(first));
  CHECK(r.wasted(1) == 0);
  use(r, 2, {0, 1, 2});
  CHECK(r.wasted(1) == 1);
}

TEST_CASE("what was fetched ahead in vain makes room for what its layer asks for instead, and then counts as wasted") {
  Residency r = residency(4);
  use(r, 0, {0, 1});
  for (const int32_t expert : {8, 9}) CHECK(r.fetch_ahead(expert, false) != Residency::kNone);
  CHECK(r.fetch_ahead(16, false) == Residency::kNone);
  // The first that was here stays, as it is asked for; the other was never used, so that it leaves before those of
  // layer 0.
  use(r, 1, {0, 2});
  CHECK(r.wasted(1) == 1);
  CHECK(present(r, 0) == 2);
  CHECK(present(r, 1) == 2);
  for (const int32_t expert : {16, 17}) CHECK(r.fetch_ahead(expert, false) != Residency::kNone);
  CHECK(r.fetch_ahead(18, false) == Residency::kNone);
  use(r, 2, {2});
  CHECK(r.wasted(2) == 1);
}

TEST_CASE("what was fetched ahead for a layer's next turn stays until that has passed") {
  Residency r = residency(4);
  use(r, 0, {0});
  CHECK(r.fetch_ahead(5, false) != Residency::kNone);
  for (const int32_t layer : {1, 2}) use(r, layer, {0});
  use(r, 1, {1});
  CHECK(r.slot_of(5) != Residency::kNone);
  CHECK(use(r, 0, {5})[0].present);
  CHECK(r.wasted(0) == 0);
}

TEST_CASE("a slot that is being filled is given away last") {
  Residency r = residency(3);
  const auto places = use(r, 0, {0, 1, 2});
  for (const auto& place : places) r.set_filling(place.slot, place.expert != 2);
  use(r, 1, {0});
  CHECK(r.slot_of(2) == Residency::kNone);
  CHECK(present(r, 0) == 2);
}

TEST_CASE("after a request that was given up the next one takes its slots side by side, not one after another") {
  for (const size_t generating : {size_t{3}, size_t{0}}) {
    Residency r = residency(4);
    for (const auto& place : use(r, 0, {0, 1, 2, 3})) r.set_filling(place.slot, true);
    const std::vector<int32_t> experts = {4, 5, 6};
    for (const auto& place : r.request(1, experts, generating)) CHECK(place.after == Residency::kNone);
    CHECK(present(r, 1) == 3);
  }
}

TEST_CASE("a request for many experts goes through its own slots before it takes one that is filled ahead") {
  Residency r = residency(4);
  const std::vector<int32_t> many = {0, 1, 2, 3};
  use(r, 0, {0, 1});
  for (const int32_t expert : {8, 9}) r.set_filling(r.fetch_ahead(expert, false), true);
  const auto places = r.request(0, many, 4);
  CHECK(places[2].after == 0);
  CHECK(places[3].after == 1);
  CHECK(present(r, 1) == 2);
}

TEST_CASE("experts of different sizes do not take each other's slots") {
  const ExpertGrid grid{2, 4, 2, 1};
  Residency r(grid, {{0, 1}, {1, 2}}, make_policy({"lru", {}}, grid));
  const std::vector<int32_t> one = {0};
  r.request(0, one, 1);
  const int32_t large = r.slot_of(0);
  for (int32_t e = 0; e < 4; ++e) {
    const std::vector<int32_t> other = {e};
    CHECK(r.request(1, other, 1)[0].slot != large);
  }
  CHECK(r.slot_of(0) == large);
}
