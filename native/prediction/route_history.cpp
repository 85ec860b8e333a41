#include "prediction/route_history.h"

#include <algorithm>

#include "base/error.h"

namespace moeflow {

void check_route_shape(const RouteShape& shape) {
  constexpr size_t kMostOutputs = size_t{1} << 24;
  const bool sound = shape.layers > 0 && shape.experts > 0 && shape.used > 0 && shape.used <= shape.experts;
  if (sound && shape.outputs() <= kMostOutputs) return;
  fail(ErrorCode::kInvalidArgument, "routes over ", describe(shape), " make no sense");
}

std::string describe(const RouteShape& shape) {
  return concat(shape.layers, " layers of ", shape.experts, " experts with ", shape.used, " per token");
}

void RouteHistory::append(int32_t token, const int32_t* route) {
  for (int32_t layer = 0; layer < shape_.layers; ++layer) {
    for (int32_t k = 0; k < shape_.used; ++k) {
      const int32_t expert = *route++;
      if (expert >= 0) routes_.push_back(layer * shape_.experts + expert);
    }
  }
  const auto position = static_cast<int32_t>(tokens_.size());
  const auto same = ends_[0].find(hash_ending_with(token, 1));
  same_before_.push_back(same == ends_[0].end() ? -1 : same->second);
  // Where no route is known there is nothing to go by.
  if (routes_.size() > begin_.back()) {
    for (int32_t n = 1; n <= kLongestMatch && n <= position + 1; ++n) {
      ends_[static_cast<size_t>(n) - 1][hash_ending_with(token, n)] = position;
    }
  }
  tokens_.push_back(token);
  begin_.push_back(routes_.size());
}

void RouteHistory::truncate(size_t length) {
  if (length >= tokens_.size()) return;
  RouteHistory kept(shape_);
  std::vector<int32_t> route(shape_.route());
  for (size_t position = 0; position < length; ++position) {
    std::fill(route.begin(), route.end(), -1);
    std::vector<size_t> filled(static_cast<size_t>(shape_.layers));
    for (const int32_t number : this->route(position)) {
      const auto layer = static_cast<size_t>(number / shape_.experts);
      route[layer * static_cast<size_t>(shape_.used) + filled[layer]++] = number % shape_.experts;
    }
    kept.append(tokens_[position], route.data());
  }
  *this = std::move(kept);
}

RouteMatch RouteHistory::match(int32_t token) const {
  const auto length = static_cast<int64_t>(tokens_.size());
  RouteMatch match;
  for (int32_t n = kLongestMatch; n >= 1; --n) {
    if (n > length + 1) continue;
    const auto& ends = ends_[static_cast<size_t>(n) - 1];
    const auto found = ends.find(hash_ending_with(token, n));
    if (found == ends.end()) continue;
    const int32_t position = found->second;
    bool same = tokens_[static_cast<size_t>(position)] == token;
    for (int32_t back = 1; same && back < n; ++back) {
      same = this->token(int64_t{position} - back) == this->token(length - back);
    }
    if (!same) continue;
    if (match.length == 0) match = {n, position, -1};
    if (n == 1) match.same = position;
  }
  return match;
}

// FNV-1a, over whole tokens.
uint64_t RouteHistory::hash_ending_with(int32_t token, int32_t length) const {
  uint64_t hash = 0xcbf29ce484222325;
  const auto end = static_cast<int64_t>(tokens_.size());
  for (int32_t back = length - 1; back >= 0; --back) {
    const int32_t next = back == 0 ? token : this->token(end - back);
    hash = (hash ^ static_cast<uint32_t>(next)) * 0x100000001b3;
    hash ^= hash >> 29;
  }
  return hash;
}

}  // namespace moeflow
