// What is known of a token by its id alone: the mean of the routes that it took where a predictor learned.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace moeflow {

// The more tokens a mean is of, the more it is worth: 0, 1 or 2, 3 to 7, 8 to 31, more.
inline constexpr int32_t kTableBuckets = 5;

inline int32_t table_bucket(int64_t tokens) {
  if (tokens < 3) return tokens > 0 ? 1 : 0;
  if (tokens < 8) return 2;
  return tokens < 32 ? 3 : 4;
}

// As a trained predictor has it: in 8 bits, as a model may have some hundred thousand ids.
struct TokenTable {
  std::vector<int32_t> tokens;   // ids that have rows of their own, rising
  std::vector<uint8_t> means;    // [tokens + 1][layers * experts] of 255; the first row is that of all other ids
  std::vector<uint8_t> buckets;  // [tokens + 1]
};

inline constexpr float kTableUnit = 1.0F / 255;

// Of a table whose first row is for ids that are not among `ids`, which rise.
inline size_t row_of(std::span<const int32_t> ids, int32_t id) {
  const auto found = std::lower_bound(ids.begin(), ids.end(), id);
  return found == ids.end() || *found != id ? 0 : static_cast<size_t>(found - ids.begin()) + 1;
}

}  // namespace moeflow
