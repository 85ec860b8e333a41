#include "engine/route_histories.h"

#include <algorithm>
#include <utility>

namespace moeflow {

const RouteHistory* RouteHistories::find(int32_t sequence) const {
  const auto found = histories_.find(sequence);
  return found == histories_.end() ? nullptr : &found->second;
}

void RouteHistories::append(int32_t sequence, std::span<const int32_t> tokens, const int32_t* routes) {
  if (!make_room(sequence, tokens.size())) return;
  RouteHistory& history = histories_.try_emplace(sequence, shape_).first->second;
  for (const int32_t token : tokens) {
    history.append(token, routes);
    routes += shape_.route();
    ++tokens_;
  }
}

void RouteHistories::share(int32_t from, int32_t sequence, size_t length) {
  const RouteHistory* shared = find(from);
  if (!shared || shared->length() < length) {
    forgotten_.insert(sequence);
    return;
  }
  if (!make_room(sequence, length)) return;
  RouteHistory history = *shared;
  history.truncate(length);
  tokens_ += length;
  histories_.insert_or_assign(sequence, std::move(history));
}

void RouteHistories::truncate(int32_t sequence, size_t length) {
  const auto found = histories_.find(sequence);
  if (found == histories_.end()) return;
  tokens_ -= found->second.length() - std::min(length, found->second.length());
  found->second.truncate(length);
}

void RouteHistories::free(int32_t sequence) {
  erase(sequence);
  forgotten_.erase(sequence);
}

void RouteHistories::clear() {
  histories_.clear();
  forgotten_.clear();
  tokens_ = 0;
}

bool RouteHistories::make_room(int32_t sequence, size_t tokens) {
  if (forgotten_.contains(sequence)) return false;
  if (tokens <= most_tokens_ - tokens_) return true;
  erase(sequence);
  forgotten_.insert(sequence);
  return false;
}

void RouteHistories::erase(int32_t sequence) {
  const auto found = histories_.find(sequence);
  if (found == histories_.end()) return;
  tokens_ -= found->second.length();
  histories_.erase(found);
}

}  // namespace moeflow
