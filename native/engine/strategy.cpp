#include "engine/strategy.h"

#include <array>

#include "base/error.h"

namespace moeflow {
namespace {

using Source = Strategy::Source;

constexpr std::array<const char*, 6> kNames = {"auto", "gate-ahead", "previous-token", "route-path", "blend", "none"};

// A fetched expert that is not used costs a read, one that is missing a wait: how they compare depends on the disk.
constexpr float kEager = 0.2F;
constexpr float kCautious = 0.5F;

constexpr Strategy gate_ahead(int layers) { return {Source::kNone, layers, 0}; }
constexpr Strategy route_path(float least_probability) { return {Source::kRoutePath, 0, least_probability}; }
constexpr Strategy blend(float least_probability) { return {Source::kRoutePath, 1, least_probability}; }
constexpr Strategy kNothing;
constexpr Strategy kPrevious = {Source::kPreviousToken, 0, 0};

}  // namespace

const char* prefetch_name(Prefetch prefetch) { return kNames[static_cast<size_t>(prefetch)]; }

Prefetch prefetch_named(const std::string& name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<Prefetch>(i);
  }
  fail(ErrorCode::kInvalidArgument, "prefetch must be auto, gate-ahead, previous-token, route-path, blend or none, is ",
       name);
}

Prefetch prefetch_of(const Strategy& strategy) {
  if (strategy.source == Source::kPreviousToken) return Prefetch::kPreviousToken;
  if (strategy.source == Source::kRoutePath) {
    return strategy.layers_ahead > 0 ? Prefetch::kBlend : Prefetch::kRoutePath;
  }
  return strategy.layers_ahead > 0 ? Prefetch::kGateAhead : Prefetch::kNone;
}

std::vector<Strategy> strategies(Prefetch prefetch, bool has_predictor) {
  switch (prefetch) {
    case Prefetch::kAuto: {
      std::vector<Strategy> all = {gate_ahead(1), kNothing, gate_ahead(2), gate_ahead(4), kPrevious};
      if (has_predictor) {
        all.insert(all.end(), {route_path(kEager), route_path(kCautious), blend(kEager), blend(kCautious)});
      }
      return all;
    }
    case Prefetch::kGateAhead: return {gate_ahead(1), gate_ahead(2), gate_ahead(4)};
    case Prefetch::kPreviousToken: return {kPrevious};
    case Prefetch::kRoutePath:
      if (!has_predictor) return {kNothing};
      return {route_path(kEager), route_path(kCautious)};
    case Prefetch::kBlend:
      if (!has_predictor) return {gate_ahead(1)};
      return {blend(kEager), blend(kCautious)};
    case Prefetch::kNone: return {kNothing};
  }
  return {kNothing};
}

}  // namespace moeflow
