// Attention over a paged cache. Lanes are 16 key positions while scoring and 16 value dimensions while summing, so that
// neither needs a reduction and each number is one fma chain (kernels.h).

template <bool Half>
static ALWAYS_INLINE Isa::V load_cache(const void* tile, int64_t element) {
  if constexpr (Half) return Isa::load16h(static_cast<const uint16_t*>(tile) + element);
  return Isa::load16f(static_cast<const float*>(tile) + element);
}

// Fetches the 16 * D numbers from `element` on into cache.
template <bool Half, int D>
static ALWAYS_INLINE void prefetch_cache(const void* tile, int64_t element) {
  constexpr int64_t kSize = Half ? 2 : 4;
  const auto* p = static_cast<const uint8_t*>(tile) + element * kSize;
  for (int64_t i = 0; i < 16 * D * kSize; i += 64) __builtin_prefetch(p + i, 0, 3);
}

// Raw scores of Q queries against T neighbouring key tiles.
template <bool Half, int Q, int T>
static void score_tiles(const AttentionArgs& args, int first_query, int64_t first_tile) {
  Isa::V acc[Q][T];
  for (int q = 0; q < Q; ++q) {
    for (int t = 0; t < T; ++t) acc[q][t] = Isa::zero16();
  }
  for (int d = 0; d < args.key_dim; ++d) {
    Isa::V keys[T];
    for (int t = 0; t < T; ++t) keys[t] = load_cache<Half>(args.key_tiles[first_tile + t], int64_t{16} * d);
    for (int q = 0; q < Q; ++q) {
      const Isa::V x = Isa::set16(args.queries[first_query + q][d]);
      for (int t = 0; t < T; ++t) acc[q][t] = Isa::fma16(keys[t], x, acc[q][t]);
    }
  }
  const Isa::V scale = Isa::set16(args.scale);
  for (int q = 0; q < Q; ++q) {
    float* out = args.scores + static_cast<size_t>(q) * args.score_stride + 16 * first_tile;
    for (int t = 0; t < T; ++t) Isa::store16(out + 16 * t, Isa::mul16(acc[q][t], scale));
  }
}

// Turns the scores `s` of one query into weights e^(s - max) and returns 1 / their sum (the sink's share included).
// Positions of the first and last tile that the query does not see get weight 0.
static float soften(const AttentionArgs& args, int query, float* s) {
  const int64_t begin = args.begin[query];
  const int64_t end = args.end[query];
  const int64_t first = begin / 16 * 16;
  const int64_t last = (end + 15) / 16 * 16;
  for (int64_t i = first; i < begin; ++i) s[i] = -INFINITY;
  for (int64_t i = end; i < last; ++i) s[i] = -INFINITY;
  Isa::V highest = Isa::set16(args.sinks ? args.sinks[query] : -INFINITY);
  for (int64_t i = first; i < last; i += 16) highest = Isa::max16(highest, Isa::load16f(s + i));
  const float peak = Isa::highest16(highest);
  Isa::V sum = Isa::zero16();
  for (int64_t i = first; i < last; i += 16) {
    const Isa::V weight = exp16(Isa::sub16(Isa::load16f(s + i), Isa::set16(peak)));
    Isa::store16(s + i, weight);
    sum = Isa::add16(sum, weight);
  }
  float total = Isa::sum16(sum);
  if (args.sinks) {
    alignas(64) float sink[16];
    Isa::store16(sink, exp16(Isa::set16(args.sinks[query] - peak)));
    total += sink[0];
  }
  return 1.0F / total;
}

// Sums D x 16 value dimensions of Q queries over the positions [begin, end) that any of them sees; a position that one
// of them does not see has weight 0 there.
template <bool Half, int Q, int D>
static void sum_values(const AttentionArgs& args, int first_query, int first_dim, int64_t begin, int64_t end,
                       const float* inverse) {
  Isa::V acc[Q][D];
  for (int q = 0; q < Q; ++q) {
    for (int d = 0; d < D; ++d) acc[q][d] = Isa::zero16();
  }
  const float* weights[Q];
  for (int q = 0; q < Q; ++q) weights[q] = args.scores + static_cast<size_t>(q) * args.score_stride;
  for (int64_t position = begin; position < end;) {
    const int64_t tile = position / 16;
    const int64_t tile_end = 16 * (tile + 1) < end ? 16 * (tile + 1) : end;
    int64_t element = (position - 16 * tile) * args.value_dim + first_dim;
    const void* next = args.value_tiles[tile_end < end ? tile + 1 : tile];
    for (; position < tile_end; ++position, element += args.value_dim) {
      prefetch_cache<Half, D>(next, element);
      Isa::V values[D];
      for (int d = 0; d < D; ++d) values[d] = load_cache<Half>(args.value_tiles[tile], element + 16 * d);
      for (int q = 0; q < Q; ++q) {
        const Isa::V weight = Isa::set16(weights[q][position]);
        for (int d = 0; d < D; ++d) acc[q][d] = Isa::fma16(values[d], weight, acc[q][d]);
      }
    }
  }
  for (int q = 0; q < Q; ++q) {
    const Isa::V share = Isa::set16(inverse[q]);
    for (int d = 0; d < D; ++d)
      Isa::store16(args.outputs[first_query + q] + first_dim + 16 * d, Isa::mul16(acc[q][d], share));
  }
}

// As many tiles, or as many dimensions, at a time as there are registers for; what is left over by halves.
template <bool Half, int Q, int T>
static void score_from(const AttentionArgs& args, int first_query, int64_t tile, int64_t end) {
  for (; tile + T <= end; tile += T) score_tiles<Half, Q, T>(args, first_query, tile);
  if constexpr (T > 1) score_from<Half, Q, T / 2>(args, first_query, tile, end);
}
template <bool Half, int Q, int D>
static void sum_from(const AttentionArgs& args, int first_query, int dim, int64_t begin, int64_t end,
                     const float* inverse) {
  for (; dim + 16 * D <= args.value_dim; dim += 16 * D)
    sum_values<Half, Q, D>(args, first_query, dim, begin, end, inverse);
  if constexpr (D > 1) sum_from<Half, Q, D / 2>(args, first_query, dim, begin, end, inverse);
}

template <bool Half, int Q>
static void attend(const AttentionArgs& args, int first_query) {
  int64_t begin = args.begin[first_query];
  int64_t end = args.end[first_query];
  for (int q = 1; q < Q; ++q) {
    begin = args.begin[first_query + q] < begin ? args.begin[first_query + q] : begin;
    end = args.end[first_query + q] > end ? args.end[first_query + q] : end;
  }
  score_from<Half, Q, Isa::kAttentionRegisters / Q>(args, first_query, begin / 16, (end + 15) / 16);

  float inverse[Q];
  for (int q = 0; q < Q; ++q) {
    float* s = args.scores + static_cast<size_t>(q) * args.score_stride;
    inverse[q] = soften(args, first_query + q, s);
    // The others of the group may see further: give the positions outside this query's own tiles weight 0.
    for (int64_t i = begin; i < args.begin[first_query + q] / 16 * 16; ++i) s[i] = 0.0F;
    for (int64_t i = (args.end[first_query + q] + 15) / 16 * 16; i < end; ++i) s[i] = 0.0F;
  }

  sum_from<Half, Q, Isa::kAttentionRegisters / Q>(args, first_query, 0, begin, end, inverse);
}

template <bool Half>
static void attention_over(const AttentionArgs& args) {
  int query = 0;
  if constexpr (Isa::kAttentionRegisters >= 4) {
    for (; query + 4 <= args.query_count; query += 4) attend<Half, 4>(args, query);
  }
  for (; query + 2 <= args.query_count; query += 2) attend<Half, 2>(args, query);
  for (; query < args.query_count; ++query) attend<Half, 1>(args, query);
}

static void attention(const AttentionArgs& args) {
  if (args.half_cache) {
    attention_over<true>(args);
  } else {
    attention_over<false>(args);
  }
}
