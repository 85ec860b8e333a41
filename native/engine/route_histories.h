// The routes of all sequences so far, in a bounded number of tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>

#include "prediction/route_history.h"

namespace moeflow {

// Sequences that share a beginning have one copy each of what is known of it. A sequence for which there is no room is
// forgotten, and stays without a history until it is freed: one with a hole would say what never was.
class RouteHistories {
 public:
  RouteHistories(const RouteShape& shape, size_t most_tokens) : shape_(shape), most_tokens_(most_tokens) {}

  // An empty one where there is none yet.
  const RouteHistory& of(int32_t sequence) { return histories_.try_emplace(sequence, shape_).first->second; }
  // Null where there is none.
  const RouteHistory* find(int32_t sequence) const;

  // A sequence has got tokens, which took these routes: [tokens][layers][used].
  void append(int32_t sequence, std::span<const int32_t> tokens, const int32_t* routes);
  // A new sequence begins with the first `length` tokens of another.
  void share(int32_t from, int32_t sequence, size_t length);
  void truncate(int32_t sequence, size_t length);
  void free(int32_t sequence);
  void clear();

 private:
  // Whether there is room for so many tokens more; the sequence is forgotten if not.
  bool make_room(int32_t sequence, size_t tokens);
  void erase(int32_t sequence);

  RouteShape shape_;
  size_t most_tokens_;
  size_t tokens_ = 0;  // of all histories
  std::map<int32_t, RouteHistory> histories_;
  std::set<int32_t> forgotten_;
};

}  // namespace moeflow
