#include "engine/foresight.h"

#include <array>

#include "base/error.h"

namespace moeflow {
namespace {

constexpr std::array<const char*, 4> kNames = {"auto", "gate-ahead", "previous-token", "none"};

// Numbers of layers to try.
std::vector<int> candidates(Prefetch mode) {
  if (mode == Prefetch::kAuto) return {1, 0, 2, 4};
  if (mode == Prefetch::kGateAhead) return {1, 2, 4};
  return {0};
}

}  // namespace

const char* prefetch_name(Prefetch prefetch) { return kNames[static_cast<size_t>(prefetch)]; }

Prefetch prefetch_named(const std::string& name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<Prefetch>(i);
  }
  fail(ErrorCode::kInvalidArgument, "prefetch must be auto, gate-ahead, previous-token or none, is ", name);
}

Foresight::Foresight(Prefetch mode) : mode_(mode), trial_(candidates(mode)) {}

Prefetch Foresight::in_effect() const {
  if (mode_ != Prefetch::kAuto) return mode_;
  return trial_.layers() > 0 ? Prefetch::kGateAhead : Prefetch::kNone;
}

}  // namespace moeflow
