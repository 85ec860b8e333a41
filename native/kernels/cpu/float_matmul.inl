// Matrix product of float weights (F32, F16, BF16) with float activations: 16 lanes over the columns, see kernels.h.

template <DType Type>
static ALWAYS_INLINE Isa::V load_weights(const uint8_t* row, int64_t column) {
  if constexpr (Type == DType::kF32) return Isa::load16f(reinterpret_cast<const float*>(row) + column);
  if constexpr (Type == DType::kF16) return Isa::load16h(reinterpret_cast<const uint16_t*>(row) + column);
  if constexpr (Type == DType::kBF16) return Isa::load16b(reinterpret_cast<const uint16_t*>(row) + column);
}

// The last columns where `cols` is no multiple of 16: the rest of the lanes is zero.
template <DType Type>
static Isa::V load_weights_tail(const uint8_t* row, int64_t column, int64_t count) {
  constexpr size_t kSize = Type == DType::kF32 ? 4 : 2;
  alignas(64) uint8_t lanes[64] = {};
  memcpy(lanes, row + static_cast<size_t>(column) * kSize, static_cast<size_t>(count) * kSize);
  return load_weights<Type>(lanes, 0);
}
static Isa::V load_values_tail(const float* x, int64_t count) {
  alignas(64) float lanes[16] = {};
  memcpy(lanes, x, static_cast<size_t>(count) * sizeof(float));
  return Isa::load16f(lanes);
}

template <DType Type, int R, int N>
static void float_tile(const MatmulArgs& args, int64_t first_row, int64_t first_token) {
  const uint8_t* row[R];
  const float* x[N];
  Isa::V acc[R][N];
  for (int r = 0; r < R; ++r) row[r] = args.weights.data + static_cast<size_t>(first_row + r) * args.weights.row_bytes;
  for (int t = 0; t < N; ++t) {
    const int64_t token = args.tokens ? args.tokens[first_token + t] : first_token + t;
    x[t] = args.activations.values + static_cast<size_t>(token) * args.activations.stride;
  }
  for (int r = 0; r < R; ++r) {
    for (int t = 0; t < N; ++t) acc[r][t] = Isa::zero16();
  }
  const int64_t cols = args.weights.cols;
  const int64_t whole = cols / 16 * 16;
  for (int64_t c = 0; c < whole; c += 16) {
    Isa::V xs[N];
    for (int t = 0; t < N; ++t) xs[t] = Isa::load16f(x[t] + c);
    for (int r = 0; r < R; ++r) {
      const Isa::V w = load_weights<Type>(row[r], c);
      for (int t = 0; t < N; ++t) acc[r][t] = Isa::fma16(w, xs[t], acc[r][t]);
    }
  }
  if (whole < cols) {
    for (int r = 0; r < R; ++r) {
      const Isa::V w = load_weights_tail<Type>(row[r], whole, cols - whole);
      for (int t = 0; t < N; ++t) acc[r][t] = Isa::fma16(w, load_values_tail(x[t] + whole, cols - whole), acc[r][t]);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int t = 0; t < N; ++t) {
      args.y[static_cast<size_t>(first_token + t) * args.y_stride +
             static_cast<size_t>(first_row + r - args.row_begin)] = Isa::sum16(acc[r][t]);
    }
  }
}

// Rows [first, last) times all tokens, a few tokens at a time: their activations stay in L1, the rows in L2.
template <DType Type>
static void float_rows(const MatmulArgs& args, int64_t first, int64_t last) {
  const auto times = [&](auto tokens, int64_t t) {
    int64_t r = first;
    for (; r + Isa::kFloatRows <= last; r += Isa::kFloatRows) float_tile<Type, Isa::kFloatRows, tokens>(args, r, t);
    for (; r < last; ++r) float_tile<Type, 1, tokens>(args, r, t);
  };
  int64_t t = 0;
  for (; t + Isa::kFloatTokens <= args.token_count; t += Isa::kFloatTokens) {
    times(std::integral_constant<int, Isa::kFloatTokens>{}, t);
  }
  for (; t < args.token_count; ++t) times(std::integral_constant<int, 1>{}, t);
}

template <DType Type>
static void matmul_float(const MatmulArgs& args) {
  constexpr int64_t kBlock = 64;
  for (int64_t r = args.row_begin; r < args.row_end; r += kBlock) {
    float_rows<Type>(args, r, r + kBlock < args.row_end ? r + kBlock : args.row_end);
  }
}
