// A paged key/value cache with random contents and queries against it, for the attention tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/test/kernel_sets.h"

namespace moeflow::test {

struct AttentionProblem {
  int key_dim, value_dim, positions;
  bool half;
  float scale;
  std::vector<std::vector<float>> keys, values;  // [position][dim], as the cache holds them
  std::vector<std::vector<float>> queries;       // [query][key_dim]
  std::vector<int32_t> begin, end;               // [query]
  std::vector<float> sinks;                      // [query], or empty
  std::vector<std::vector<uint8_t>> key_tiles, value_tiles;

  AttentionProblem(int key_dim_, int value_dim_, int positions_, bool half_, std::mt19937& random)
      : key_dim(key_dim_),
        value_dim(value_dim_),
        positions(positions_),
        half(half_),
        scale(1.0F / std::sqrt(static_cast<float>(key_dim_))) {
    for (int p = 0; p < positions; ++p) {
      keys.push_back(random_vector(key_dim, random));
      values.push_back(random_vector(value_dim, random));
    }
    fill_tiles();
  }

  void add_query(int32_t first, int32_t past, std::mt19937& random) {
    queries.push_back(random_vector(key_dim, random));
    begin.push_back(first);
    end.push_back(past);
  }

  // Puts keys and values into tiles, after the values were rounded to what the cache can hold. Positions behind the
  // last are NaN: nobody may look at them.
  void fill_tiles() {
    const size_t element = half ? 2 : 4;
    const auto tiles = static_cast<size_t>((positions + 15) / 16);
    key_tiles.assign(tiles, std::vector<uint8_t>(static_cast<size_t>(key_dim) * 16 * element));
    value_tiles.assign(tiles, std::vector<uint8_t>(static_cast<size_t>(value_dim) * 16 * element));
    for (size_t p = 0; p < tiles * 16; ++p) {
      for (size_t d = 0; d < static_cast<size_t>(key_dim); ++d) put(key_tiles[p / 16], d * 16 + p % 16, keys, p, d);
      for (size_t d = 0; d < static_cast<size_t>(value_dim); ++d) {
        put(value_tiles[p / 16], p % 16 * static_cast<size_t>(value_dim) + d, values, p, d);
      }
    }
  }

  // Outputs of the chosen queries, computed in one call.
  std::vector<std::vector<float>> run(const KernelSet& set, const std::vector<size_t>& chosen) const {
    std::vector<std::vector<float>> outputs(chosen.size(), std::vector<float>(static_cast<size_t>(value_dim), -7.0F));
    std::vector<const float*> query;
    std::vector<float*> output;
    std::vector<int32_t> first, past;
    std::vector<float> sink;
    for (size_t i = 0; i < chosen.size(); ++i) {
      query.push_back(queries[chosen[i]].data());
      output.push_back(outputs[i].data());
      first.push_back(begin[chosen[i]]);
      past.push_back(end[chosen[i]]);
      if (!sinks.empty()) sink.push_back(sinks[chosen[i]]);
    }
    std::vector<const void*> key_pointers, value_pointers;
    for (const auto& tile : key_tiles) key_pointers.push_back(tile.data());
    for (const auto& tile : value_tiles) value_pointers.push_back(tile.data());
    const size_t stride = static_cast<size_t>(positions + 63) / 64 * 64;
    // What an earlier call left in the scratch must not matter.
    std::vector<float> scores(kAttentionQueries * stride, std::numeric_limits<float>::quiet_NaN());
    AttentionArgs args;
    args.queries = query.data();
    args.outputs = output.data();
    args.begin = first.data();
    args.end = past.data();
    args.sinks = sinks.empty() ? nullptr : sink.data();
    args.query_count = static_cast<int>(chosen.size());
    args.key_tiles = key_pointers.data();
    args.value_tiles = value_pointers.data();
    args.key_dim = key_dim;
    args.value_dim = value_dim;
    args.scale = scale;
    args.half_cache = half;
    args.scores = scores.data();
    args.score_stride = stride;
    set.attention(args);
    return outputs;
  }

  std::vector<std::vector<float>> run_all(const KernelSet& set) const {
    std::vector<size_t> all(queries.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = i;
    return run(set, all);
  }

  // The definition, in double: softmax of the scaled dot products (and the sink), times the values.
  std::vector<double> brute_force(size_t query) const {
    std::vector<double> score;
    for (int32_t p = begin[query]; p < end[query]; ++p) {
      double dot = 0;
      for (size_t d = 0; d < queries[query].size(); ++d) {
        dot += static_cast<double>(queries[query][d]) * static_cast<double>(keys[static_cast<size_t>(p)][d]);
      }
      score.push_back(dot * static_cast<double>(scale));
    }
    double peak = *std::max_element(score.begin(), score.end());
    if (!sinks.empty()) peak = std::max(peak, static_cast<double>(sinks[query]));
    double total = sinks.empty() ? 0.0 : std::exp(static_cast<double>(sinks[query]) - peak);
    for (const double s : score) total += std::exp(s - peak);
    std::vector<double> result(static_cast<size_t>(value_dim));
    for (size_t i = 0; i < score.size(); ++i) {
      const auto& value = values[static_cast<size_t>(begin[query]) + i];
      for (size_t d = 0; d < result.size(); ++d)
        result[d] += std::exp(score[i] - peak) / total * static_cast<double>(value[d]);
    }
    return result;
  }

 private:
  static std::vector<float> random_vector(int n, std::mt19937& random) {
    std::normal_distribution<float> normal(0.0F, 1.0F);
    std::vector<float> values(static_cast<size_t>(n));
    std::generate(values.begin(), values.end(), [&] { return normal(random); });
    return values;
  }

  void put(std::vector<uint8_t>& tile, size_t index, std::vector<std::vector<float>>& source, size_t p,
           size_t d) const {
    const bool exists = p < source.size();
    if (half) {
      const uint16_t bits = exists ? float_to_half(source[p][d]) : uint16_t{0x7e00};
      if (exists) source[p][d] = half_to_float(bits);
      std::memcpy(tile.data() + 2 * index, &bits, 2);
    } else {
      const float value = exists ? source[p][d] : std::numeric_limits<float>::quiet_NaN();
      std::memcpy(tile.data() + 4 * index, &value, 4);
    }
  }
};

}  // namespace moeflow::test
