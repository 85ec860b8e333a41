// Which expert leaves when another one needs its place. A policy sees every use, departure and expectation, in order,
// and nothing else: not the clock, not the threads. So a run and a simulation of its trace decide alike.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace moeflow {

// Experts are numbered across all layers, also those without experts: layer * per_layer + expert.
struct ExpertGrid {
  int32_t layers = 0;
  int32_t per_layer = 0;
  int32_t routed_layers = 0;  // layers that have experts
  int32_t used = 0;           // experts that a token uses in each of them

  int32_t experts() const { return layers * per_layer; }
  int32_t layer_of(int32_t expert) const { return expert / per_layer; }
  // How many requests of layers after that of layer `now` the next one of `layer` comes: layers run in order, round and
  // round.
  int32_t requests_until(int32_t layer, int32_t now) const {
    const int32_t between = layer - now - 1;
    const int32_t wrapped = between < 0 ? between + routed_layers : between;
    // Mostly no division is needed.
    if (wrapped >= 0 && wrapped < routed_layers) return wrapped + 1;
    return (between + routed_layers) % routed_layers + 1;
  }
};

// layer_of() as a table [expert], for those who look at many experts.
inline std::vector<int32_t> layers_of_experts(const ExpertGrid& grid) {
  std::vector<int32_t> layers(static_cast<size_t>(grid.experts()));
  for (int32_t expert = 0; expert < grid.experts(); ++expert)
    layers[static_cast<size_t>(expert)] = grid.layer_of(expert);
  return layers;
}

// Why a slot's expert does not leave: bits of its mark. 0: it may.
enum SlotMark : uint8_t {
  kHeld = 1,     // by the request under way
  kFilling = 2,  // its bytes are under way
  kAhead = 4,    // fetched ahead for a request that has not come yet
  kPassing = 8,  // used by prompts alone
  kEmpty = 16,
};

// Of what is expected, where nothing is said of later uses.
inline constexpr float kLaterNotKnown = -1;

class EvictionPolicy {
 public:
  static constexpr int32_t kNone = -1;

  virtual ~EvictionPolicy() = default;

  // A layer asks for experts; what follows belongs to that. `layer` begins a token when it is not above the last one.
  virtual void layer_begins(int32_t layer);
  // An expert is used: it was resident, or it has just been given a place.
  virtual void used(int32_t expert) = 0;
  // It has left.
  virtual void left(int32_t expert);
  // The request that is the `requests`th from now (1: the next one) will ask for it with this probability. `later`:
  // what its next use after that request is worth, 1 by the layer's next run and less with every run until it
  // (kUsedLater in prediction/route_predictor.h); below 0 where that is not known.
  virtual void expected(int32_t expert, int32_t requests, float probability, float later);
  // The one of `candidates` (residents that may leave; never empty) that should leave.
  virtual int32_t choose(std::span<const int32_t> candidates) = 0;
  // Whether it should leave for one that is only expected.
  virtual bool gives_way(int32_t leaving, int32_t expected) const;

  // A policy may keep residents in the order in which they leave, so that nobody has to look at all of them. It is then
  // also told who gets which slot, before the first use there, and has to come to what `choose` does.
  virtual bool keeps_order() const { return false; }
  virtual void entered(int32_t expert, int32_t slot, int32_t slot_class);
  // What `choose` says of all residents of a class whose slots ([slot] of `marks`) are marked with just `mark`, in the
  // order of their slots; kNone if there are none.
  virtual int32_t first_to_leave(int32_t slot_class, std::span<const uint8_t> marks, uint8_t mark);
};

// For policies that order experts by a key: the candidate with the smallest, of equals the first.
template <typename KeyOf>
int32_t smallest(std::span<const int32_t> candidates, KeyOf&& key_of) {
  int32_t best = candidates.front();
  auto smallest_key = key_of(best);
  for (const int32_t candidate : candidates.subspan(1)) {
    const auto key = key_of(candidate);
    if (!(key < smallest_key)) continue;
    best = candidate;
    smallest_key = key;
  }
  return best;
}

struct PolicyOptions {
  // One of policy_names().
  std::string_view name = "lfu";
  // For "static": experts that stay, the most wanted first.
  std::span<const int32_t> hot;
};

// Throws Error(kInvalidArgument) naming the known policies, or what is wrong with the hot list.
std::unique_ptr<EvictionPolicy> make_policy(const PolicyOptions& options, const ExpertGrid& grid);

// "lru, lfu, ..."
const char* policy_names();

}  // namespace moeflow
