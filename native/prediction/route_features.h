// The inputs of the route predictor, as numbers.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "prediction/route_history.h"

namespace moeflow {

// Vectors of [layers * experts], each with what one look at the past says of every expert.
enum RouteView : uint8_t {
  kPrevious,   // 1 for those of the token before
  kMatched,    // 1 for those of the matched token
  kRecurring,  // shares of the routes of the same token's last places, weighted alike
  kFast,       // shares of the last tokens' routes, weighted by decay to the power of their age
  kMedium,
  kSlow,
  kSucceeding,  // 1 for those of the token after the matched one
  kTable,       // the mean route of the token's id (token_table.h)
  kRouteViews,
};

// Those that a history gives; the table's comes after them.
inline constexpr size_t kHistoryViews = kTable;

// How far the shares look back, in tokens, and the decay of the weights.
inline constexpr int64_t kShareWindow = 64;
inline constexpr std::array<float, 3> kShareDecays = {0.5F, 0.9F, 0.98F};  // kFast, kMedium, kSlow

inline constexpr int32_t kRecurrences = 8;
inline constexpr float kRecurrenceDecay = 0.8F;

// For the token that stands, or will stand, at `position` of the sequence; what comes after it in `history` has no
// influence. `views` is [kHistoryViews][layers * experts].
void route_features(const RouteHistory& history, size_t position, const RouteMatch& match, std::span<float> views);

}  // namespace moeflow
