#include "experts/policy/policy.h"

#include "base/error.h"
#include "experts/policy/lfu.h"
#include "experts/policy/lru.h"

namespace moeflow {

const char* policy_names() { return "lru, lfu"; }

std::unique_ptr<EvictionPolicy> make_policy(std::string_view name, int32_t experts, int32_t uses_per_token) {
  if (name == "lru") return std::make_unique<LruPolicy>(experts);
  if (name == "lfu") return std::make_unique<LfuPolicy>(experts, uses_per_token);
  fail(ErrorCode::kInvalidArgument, "there is no policy ", name, "; known are ", policy_names());
}

}  // namespace moeflow
