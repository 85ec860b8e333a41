// Matrix product of quantised weights with quantised activations, `Isa::kRows` weight rows (a panel) at a time, one row
// per lane. Few tokens: the panel is decoded in registers and used at once (decode is bound by memory). Many tokens: it
// is decoded once into L1/L2 and multiplied with all of them. Both run the same chain per output, see kernels.h.

// Views of one activation row.
struct QuantizedRow {
  const uint8_t* base;
  ALWAYS_INLINE const int8_t* values(int64_t chunk) const { return reinterpret_cast<const int8_t*>(base + 32 * chunk); }
  ALWAYS_INLINE float f32(size_t part, int64_t i) const { return reinterpret_cast<const float*>(base + part)[i]; }
  ALWAYS_INLINE int32_t i32(size_t part, int64_t i) const { return reinterpret_cast<const int32_t*>(base + part)[i]; }
};

// Adds chunk `c` of one token to that token's accumulator.
template <class Block>
static ALWAYS_INLINE Isa::F accumulate(Isa::F acc, const Isa::I w[8], const Isa::F* scale, const Isa::F* min,
                                       QuantizedRow row, int64_t c, const QuantizedRowLayout& layout) {
  constexpr int kShift = Block::kSigned ? Isa::kSignedOffsetShift : Block::kOffsetShift;
  const Isa::F row_scale = Isa::set1(row.f32(layout.scale, c));
  constexpr int kRegisters = 8 / Block::kGroups;
  for (int g = 0; g < Block::kGroups; ++g) {
    Isa::I sum = Isa::zeroi();
    if constexpr (kShift != 0) {
      const int32_t negative =
          Block::kGroups == 1 ? row.i32(layout.negative_sum, c) : row.i32(layout.negative_sum16, 2 * c + g);
      sum = Isa::template shl<kShift>(Isa::set1i(negative));
    }
    sum = Isa::template dot<Block::kSigned, Block::kMaxQ, kRegisters>(sum, w + g * kRegisters,
                                                                     row.values(c) + 4 * g * kRegisters);
    acc = Isa::fma(Isa::mul(scale[g], row_scale), Isa::to_float(sum), acc);
  }
  if constexpr (Block::kMins) {
    for (int g = 0; g < Block::kGroups; ++g) {
      const float scaled = Block::kGroups == 1 ? row.f32(layout.scaled_sum, c) : row.f32(layout.scaled_sum16, 2 * c + g);
      acc = Isa::fma(min[g], Isa::set1(scaled), acc);
    }
  }
  return acc;
}

// Writes the lanes of one panel row-chunk result; `rows` < kRows at the end of the matrix.
static ALWAYS_INLINE void store_lanes(Isa::F acc, float* y, int64_t rows) {
  if (rows == Isa::kRows) {
    Isa::store(y, acc);
  } else {
    float lanes[Isa::kRows];
    Isa::store(lanes, acc);
    for (int64_t r = 0; r < rows; ++r) y[r] = lanes[r];
  }
}

static ALWAYS_INLINE const uint8_t* activation_row(const MatmulArgs& args, int64_t i) {
  const int64_t token = args.tokens ? args.tokens[i] : i;
  return args.activations.quantized + static_cast<size_t>(token) * args.activations.quantized_stride;
}

// One panel times N tokens, decoded in registers. `next` is what the caller will read afterwards: it is fetched into
// cache at the pace at which this panel is consumed, which the hardware prefetcher cannot do for many short rows.
template <class Block, int N>
static void panel_direct(const MatmulArgs& args, const uint8_t* panel, const uint8_t* next, int64_t rows,
                         int64_t first_token, float* y) {
  const QuantizedRowLayout layout(args.weights.cols);
  const size_t stride = args.weights.row_bytes;
  QuantizedRow row[N];
  Isa::F acc[N];
  for (int t = 0; t < N; ++t) {
    row[t].base = activation_row(args, first_token + t);
    acc[t] = Isa::zero();
  }
  const int64_t blocks = args.weights.cols / Block::kValues;
  int64_t c = 0;
  for (int64_t b = 0; b < blocks; ++b) {
    const size_t step = static_cast<size_t>(Isa::kRows) * Block::kBytes;
    if (next) {
      for (size_t i = 0; i < step; i += 64) Isa::prefetch(next + static_cast<size_t>(b) * step + i);
    }
    Block::visit(panel + static_cast<size_t>(b) * Block::kBytes, stride,
                 [&](const Isa::I* w, const Isa::F* scale, const Isa::F* min) ALWAYS_INLINE_LAMBDA {
                   for (int t = 0; t < N; ++t) acc[t] = accumulate<Block>(acc[t], w, scale, min, row[t], c, layout);
                   ++c;
                 });
  }
  for (int t = 0; t < N; ++t) store_lanes(acc[t], y + static_cast<size_t>(t) * args.y_stride, rows);
}

// A decoded chunk in scratch: w[8], then scales, then mins.
template <class Block>
struct PanelChunk {
  Isa::I w[8];
  Isa::F scale[Block::kGroups];
  Isa::F min[Block::kGroups];  // unused without kMins; kept so that every type has one layout
};

template <class Block>
static void decode_panel(const MatmulArgs& args, const uint8_t* panel, PanelChunk<Block>* out) {
  const int64_t blocks = args.weights.cols / Block::kValues;
  for (int64_t b = 0; b < blocks; ++b) {
    Block::visit(panel + static_cast<size_t>(b) * Block::kBytes, args.weights.row_bytes,
                 [&](const Isa::I* w, const Isa::F* scale, const Isa::F* min) ALWAYS_INLINE_LAMBDA {
                   for (int i = 0; i < 8; ++i) out->w[i] = w[i];
                   for (int g = 0; g < Block::kGroups; ++g) out->scale[g] = scale[g];
                   if constexpr (Block::kMins) {
                     for (int g = 0; g < Block::kGroups; ++g) out->min[g] = min[g];
                   }
                   ++out;
                 });
  }
}

template <class Block, int N>
static void panel_decoded(const MatmulArgs& args, const PanelChunk<Block>* chunks, int64_t rows, int64_t first_token,
                          float* y) {
  const QuantizedRowLayout layout(args.weights.cols);
  QuantizedRow row[N];
  Isa::F acc[N];
  for (int t = 0; t < N; ++t) {
    row[t].base = activation_row(args, first_token + t);
    acc[t] = Isa::zero();
  }
  const int64_t count = args.weights.cols / 32;
  for (int64_t c = 0; c < count; ++c) {
    Isa::I w[8];
    for (int i = 0; i < 8; ++i) w[i] = chunks[c].w[i];
    for (int t = 0; t < N; ++t) {
      acc[t] = accumulate<Block>(acc[t], w, chunks[c].scale, chunks[c].min, row[t], c, layout);
    }
  }
  for (int t = 0; t < N; ++t) store_lanes(acc[t], y + static_cast<size_t>(t) * args.y_stride, rows);
}

// Defined by multiply_panel.inl, or by the instruction set that has something better.
template <class Block>
static void multiply_panel(const MatmulArgs& args, const PanelChunk<Block>* chunks, int64_t rows, float* y);

template <class Block, int N>
static void run_direct(const MatmulArgs& args, const uint8_t* panel, const uint8_t* next, int64_t rows, int64_t count,
                       float* y) {
  if constexpr (N > 1) {
    if (count < N) return run_direct<Block, N - 1>(args, panel, next, rows, count, y);
  }
  panel_direct<Block, N>(args, panel, next, rows, 0, y);
}

// Tokens from `first` on, N at a time, what is left over in one smaller group.
template <class Block, int N>
static void run_decoded(const MatmulArgs& args, const PanelChunk<Block>* chunks, int64_t rows, int64_t first, float* y) {
  for (; first + N <= args.token_count; first += N) {
    panel_decoded<Block, N>(args, chunks, rows, first, y + static_cast<size_t>(first) * args.y_stride);
  }
  if constexpr (N > 1) {
    if (first < args.token_count) run_decoded<Block, N - 1>(args, chunks, rows, first, y);
  }
}

template <class Block>
static void matmul_quantized(const MatmulArgs& args) {
  const size_t stride = args.weights.row_bytes;
  for (int64_t r = args.row_begin; r < args.row_end; r += Isa::kRows) {
    const int64_t rows = args.row_end - r < Isa::kRows ? args.row_end - r : Isa::kRows;
    const uint8_t* panel = args.weights.data + static_cast<size_t>(r) * stride;
    const uint8_t* next = r + 2 * Isa::kRows <= args.row_end ? panel + Isa::kRows * stride : nullptr;
    uint8_t* scratch = args.scratch;
    if (rows < Isa::kRows) {
      // The last rows are few: read them from a copy, the missing ones as zero, so that nothing is read past the end.
      memset(scratch, 0, Isa::kRows * stride);
      memcpy(scratch, panel, static_cast<size_t>(rows) * stride);
      panel = scratch;
      scratch += (Isa::kRows * stride + 63) / 64 * 64;
    }
    float* y = args.y + (r - args.row_begin);
    if (args.token_count <= Isa::kDirectTokens) {
      run_direct<Block, Isa::kDirectTokens>(args, panel, next, rows, args.token_count, y);
    } else {
      auto* chunks = reinterpret_cast<PanelChunk<Block>*>(scratch);
      decode_panel<Block>(args, panel, chunks);
      multiply_panel<Block>(args, chunks, rows, y);
    }
  }
}
