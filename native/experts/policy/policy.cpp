#include "experts/policy/policy.h"

#include "base/error.h"
#include "experts/policy/least_stale.h"
#include "experts/policy/lfru.h"
#include "experts/policy/lfu.h"
#include "experts/policy/lru.h"
#include "experts/policy/plec.h"
#include "experts/policy/s3_fifo.h"
#include "experts/policy/static_list.h"

namespace moeflow {
namespace {

void check_hot_list(const PolicyOptions& options, const ExpertGrid& grid) {
  if (options.hot.empty()) {
    fail(ErrorCode::kInvalidArgument, "the policy static needs a list of hot experts, and has none");
  }
  std::vector<bool> seen(static_cast<size_t>(grid.experts()));
  for (size_t i = 0; i < options.hot.size(); ++i) {
    const int32_t expert = options.hot[i];
    if (expert < 0 || expert >= grid.experts()) {
      fail(ErrorCode::kInvalidArgument, "hot expert ", i, " is number ", expert, " of ", grid.experts());
    }
    if (seen[static_cast<size_t>(expert)]) {
      fail(ErrorCode::kInvalidArgument, "hot expert ", i, " (layer ", grid.layer_of(expert), ", expert ",
           expert % grid.per_layer, ") is in the list twice");
    }
    seen[static_cast<size_t>(expert)] = true;
  }
}

}  // namespace

void EvictionPolicy::layer_begins(int32_t) {}
void EvictionPolicy::left(int32_t) {}
void EvictionPolicy::expected(int32_t, int32_t, float, float) {}
bool EvictionPolicy::gives_way(int32_t, int32_t) const { return true; }
void EvictionPolicy::entered(int32_t, int32_t, int32_t) {}
int32_t EvictionPolicy::first_to_leave(int32_t, std::span<const uint8_t>, uint8_t) { return kNone; }

const char* policy_names() { return "lru, lfu, lfru, least-stale, s3-fifo, static, plec"; }

std::unique_ptr<EvictionPolicy> make_policy(const PolicyOptions& options, const ExpertGrid& grid) {
  const std::string_view name = options.name;
  if (name == "lru") return std::make_unique<LruPolicy>(grid);
  if (name == "lfu") return std::make_unique<LfuPolicy>(grid);
  if (name == "lfru") return std::make_unique<LfruPolicy>(grid);
  if (name == "least-stale") return std::make_unique<LeastStalePolicy>(grid);
  if (name == "s3-fifo") return std::make_unique<S3FifoPolicy>(grid);
  if (name == "plec") return std::make_unique<PlecPolicy>(grid);
  if (name == "static") {
    check_hot_list(options, grid);
    return std::make_unique<StaticListPolicy>(grid, options.hot);
  }
  fail(ErrorCode::kInvalidArgument, "there is no policy ", name, "; known are ", policy_names());
}

}  // namespace moeflow
