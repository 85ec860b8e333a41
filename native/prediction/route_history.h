// What is known of a sequence when its next token comes: the tokens so far and the experts that each of them used. From
// it come the inputs of the route predictor (route_predictor.h), in training and at run time alike.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace moeflow {

// Of a model's routes. Layers are those with experts.
struct RouteShape {
  int32_t layers = 0;
  int32_t experts = 0;  // per layer
  int32_t used = 0;     // per token and layer

  bool operator==(const RouteShape&) const = default;
  size_t route() const { return static_cast<size_t>(layers) * static_cast<size_t>(used); }
  size_t outputs() const { return static_cast<size_t>(layers) * static_cast<size_t>(experts); }
};

// Throws Error(kInvalidArgument) for one that makes no sense.
void check_route_shape(const RouteShape& shape);
// "24 layers of 32 experts with 4 per token"
std::string describe(const RouteShape& shape);

// The newest earlier place at which the last `length` tokens, the one to come included, stood already; 0: at none. What
// was routed there is the best single guess: a text repeats itself.
struct RouteMatch {
  int32_t length = 0;
  int32_t position = -1;
  int32_t same = -1;  // the newest place of the token itself
};

inline constexpr int32_t kUnknownToken = -1;
inline constexpr int32_t kLongestMatch = 4;

class RouteHistory {
 public:
  explicit RouteHistory(const RouteShape& shape) : shape_(shape) {}

  // Adds the next token and its route, [layers][used]: experts, or below 0 where it is not known.
  void append(int32_t token, const int32_t* route);
  // Forgets all but the first `length` tokens.
  void truncate(size_t length);

  const RouteShape& shape() const { return shape_; }
  size_t length() const { return tokens_.size(); }
  // Of the token at `position`, kUnknownToken before the first.
  int32_t token(int64_t position) const {
    return position < 0 ? kUnknownToken : tokens_[static_cast<size_t>(position)];
  }
  // [layers][used] experts, numbered layer * experts + expert; those that are not known are left out.
  std::span<const int32_t> route(size_t position) const {
    return {routes_.data() + begin_[position], begin_[position + 1] - begin_[position]};
  }
  // The newest position before it with the same token and a known route, below 0 for none.
  int32_t same_before(int32_t position) const { return same_before_[static_cast<size_t>(position)]; }
  // For a token to come.
  RouteMatch match(int32_t token) const;

 private:
  uint64_t hash_ending_with(int32_t token, int32_t length) const;

  RouteShape shape_;
  std::vector<int32_t> tokens_;
  std::vector<int32_t> same_before_;
  std::vector<int32_t> routes_;
  std::vector<size_t> begin_{0};  // [length + 1] into routes_
  // [n - 1] by the hash of n tokens: the newest position at which they end.
  std::array<std::unordered_map<uint64_t, int32_t>, kLongestMatch> ends_;
};

}  // namespace moeflow
