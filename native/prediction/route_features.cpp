#include "prediction/route_features.h"

#include <algorithm>

namespace moeflow {

void route_features(const RouteHistory& history, size_t position, const RouteMatch& match, std::span<float> views) {
  const size_t outputs = history.shape().outputs();
  std::fill(views.begin(), views.end(), 0.0F);
  const auto add = [&](RouteView view, size_t at, float weight) {
    float* row = views.data() + view * outputs;
    for (const int32_t expert : history.route(at)) row[expert] += weight;
  };
  if (position > 0) add(kPrevious, position - 1, 1);
  if (match.length > 0) {
    const auto matched = static_cast<size_t>(match.position);
    add(kMatched, matched, 1);
    if (matched + 1 < position) add(kSucceeding, matched + 1, 1);
  }
  float recurrences = 0;
  float weight = 1;
  const auto each_place = [&](auto&& action) {
    weight = 1;
    int32_t place = match.same;
    for (int32_t i = 0; i < kRecurrences && place >= 0; ++i, weight *= kRecurrenceDecay) {
      action(static_cast<size_t>(place));
      place = history.same_before(place);
    }
  };
  each_place([&](size_t) { recurrences += weight; });
  each_place([&](size_t place) { add(kRecurring, place, weight / recurrences); });
  const auto window = std::min<int64_t>(static_cast<int64_t>(position), kShareWindow);
  for (size_t i = 0; i < kShareDecays.size(); ++i) {
    const auto view = static_cast<RouteView>(kFast + i);
    // Tokens whose routes are not known do not count.
    float sum = 0;
    weight = 1;
    for (int64_t age = 1; age <= window; ++age, weight *= kShareDecays[i]) {
      if (!history.route(position - static_cast<size_t>(age)).empty()) sum += weight;
    }
    weight = 1;
    for (int64_t age = 1; age <= window; ++age, weight *= kShareDecays[i]) {
      if (weight < 1e-6F * sum) break;
      add(view, position - static_cast<size_t>(age), weight / sum);
    }
  }
}

}  // namespace moeflow
