// Which expert leaves when another one needs its place. A policy sees every use and every departure, in order, and
// nothing else: not the clock, not the threads. So a run and a simulation of its trace decide alike.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace moeflow {

class EvictionPolicy {
 public:
  virtual ~EvictionPolicy() = default;

  // An expert is used: it was resident, or it has just been given a place.
  virtual void used(int32_t expert) = 0;
  // It has left.
  virtual void left(int32_t expert) = 0;
  // The one of `candidates` (residents that may leave; never empty) that should leave.
  virtual int32_t choose(std::span<const int32_t> candidates) const = 0;
};

// A policy by name ("lru", "lfu") for experts numbered from 0 to `experts` - 1, of which a token uses `uses_per_token`,
// all layers together. Throws Error(kInvalidArgument) naming the known policies.
std::unique_ptr<EvictionPolicy> make_policy(std::string_view name, int32_t experts, int32_t uses_per_token);

// The names, as "lru, lfu".
const char* policy_names();

}  // namespace moeflow
