#include "engine/foresight.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "model/workspace.h"

namespace moeflow {
namespace {

constexpr std::array<const char*, 4> kNames = {"auto", "gate-ahead", "previous-token", "none"};

// The depth is looked at after so many steps of generating.
constexpr int kWindow = 8;

}  // namespace

const char* prefetch_name(Prefetch prefetch) { return kNames[static_cast<size_t>(prefetch)]; }

Prefetch prefetch_named(const std::string& name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<Prefetch>(i);
  }
  fail(ErrorCode::kInvalidArgument, "prefetch must be auto, gate-ahead, previous-token or none, is ", name);
}

int Foresight::layers_ahead() const { return in_effect() == Prefetch::kGateAhead ? depth_ : 0; }

// As far ahead as reading takes: one layer more as long as many experts are still on their way when they are asked for,
// one less when too many of those fetched are not asked for, which gets worse with every layer. The rule is that of
// arXiv 2510.26730, with counts in place of its model of times.
void Foresight::learn(int rows, double seconds, const CacheCounters& before, const CacheCounters& after) {
  if (mode_ == Prefetch::kAuto) trial_.record(rows, seconds);
  window_.late_hits += after.late_hits - before.late_hits;
  window_.prefetches += after.prefetches - before.prefetches;
  window_.wasted_prefetches += after.wasted_prefetches - before.wasted_prefetches;
  if (++steps_ < kWindow) return;
  if (4 * window_.wasted_prefetches > window_.prefetches) {
    depth_ = std::max(1, depth_ - 1);
  } else if (10 * window_.late_hits > window_.prefetches) {
    depth_ = std::min(kMostLayersAhead, depth_ + 1);
  }
  window_ = {};
  steps_ = 0;
}

}  // namespace moeflow
