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

// Adds chunk `c` of N tokens to their accumulators. Isa::dots gives every token's offset plus the products of its bytes
// with the registers of weights, each of which has four columns of all rows; in which order is the instruction set's affair.
template <class Block, int N>
static ALWAYS_INLINE void accumulate(Isa::F acc[N], const Isa::I w[8], const Isa::F* scale, const Isa::F* min,
                                     const QuantizedRow row[N], int64_t c, const QuantizedRowLayout& layout) {
  constexpr int kShift = Block::kSigned ? Isa::kSignedOffsetShift : Block::kOffsetShift;
  constexpr int kRegisters = 8 / Block::kGroups;
  for (int g = 0; g < Block::kGroups; ++g) {
    const auto offset = [&](int t) ALWAYS_INLINE_LAMBDA {
      if constexpr (kShift == 0) return Isa::zeroi();
      const int32_t negative =
          Block::kGroups == 1 ? row[t].i32(layout.negative_sum, c) : row[t].i32(layout.negative_sum16, 2 * c + g);
      return Isa::template shl<kShift>(Isa::set1i(negative));
    };
    const int8_t* values[N];
    for (int t = 0; t < N; ++t) values[t] = row[t].values(c) + 4 * g * kRegisters;
    Isa::I sum[N];
    Isa::template dots<Block::kSigned, Block::kMaxQ, kRegisters, N>(sum, offset, w + g * kRegisters, values);
    for (int t = 0; t < N; ++t) {
      const Isa::F both = Isa::mul(scale[g], Isa::set1(row[t].f32(layout.scale, c)));
      acc[t] = Isa::fma(both, Isa::to_float(sum[t]), acc[t]);
    }
  }
  if constexpr (Block::kMins) {
    for (int t = 0; t < N; ++t) {
      for (int g = 0; g < Block::kGroups; ++g) {
        const float scaled =
            Block::kGroups == 1 ? row[t].f32(layout.scaled_sum, c) : row[t].f32(layout.scaled_sum16, 2 * c + g);
        acc[t] = Isa::fma(min[g], Isa::set1(scaled), acc[t]);
      }
    }
  }
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

// Fetches bytes [from, to) of what will be read next into L1, and what lies 2 KiB behind them into L2; returns the end.
// Measured with Q4_0 and AVX-512 in GB/s of one thread, where a plain read loop has 18: without 6.5, into L1 only 12.1,
// into L2 only 12.0, both 15.5, both and in two halves around the arithmetic 17.5; with 16 or 64 KiB instead of 2 13.4.
// Prefetches that come in bursts are dropped or hold up the loads: whole blocks of 256 columns at once gave 10.
static ALWAYS_INLINE const uint8_t* prefetch(const uint8_t* p, size_t from, size_t to) {
  for (size_t i = (from + 63) / 64 * 64; i < to; i += 64) {
    __builtin_prefetch(p + i + 2048, 0, 2);
    __builtin_prefetch(p + i, 0, 3);
  }
  return p + to;
}

// Bytes of a panel per chunk of 32 columns.
template <class Block>
constexpr size_t kPanelChunkBytes = static_cast<size_t>(Isa::kRows) * Block::kBytes * 32 / Block::kValues;

// Brings the first panel, which nobody fetched ahead, into cache: reading 16 rows in turn is no pattern for the
// hardware, reading on and on is. Measured (Q4_0, 128 rows a call, GB/s of one thread): 13.8 without, 15.3 with.
static void read_first_panel(const MatmulArgs& args) {
  if (args.row_end - args.row_begin < Isa::kRows) return;
  const volatile uint8_t* p = args.weights.data + static_cast<size_t>(args.row_begin) * args.weights.row_bytes;
  for (size_t i = 0; i < Isa::kRows * args.weights.row_bytes; i += 64) static_cast<void>(p[i]);
}

// One panel times all N tokens, decoded in registers. `next` is what the caller will read afterwards: it is fetched
// into cache at the pace at which this panel is consumed, which the hardware prefetcher cannot do for many short rows.
template <class Block, int N>
static void panel_direct(const MatmulArgs& args, const uint8_t* panel, const uint8_t* next, int64_t rows, float* y) {
  const QuantizedRowLayout layout(args.weights.cols);
  const size_t stride = args.weights.row_bytes;
  QuantizedRow row[N];
  Isa::F acc[N];
  for (int t = 0; t < N; ++t) {
    row[t].base = activation_row(args, t);
    acc[t] = Isa::zero();
  }
  const int64_t blocks = args.weights.cols / Block::kValues;
  int64_t c = 0;
  for (int64_t b = 0; b < blocks; ++b) {
    Block::visit(panel + static_cast<size_t>(b) * Block::kBytes, stride,
                 [&](const Isa::I* w, const Isa::F* scale, const Isa::F* min) ALWAYS_INLINE_LAMBDA {
                   if (next) prefetch(next, 0, kPanelChunkBytes<Block> / 2);
                   accumulate<Block, N>(acc, w, scale, min, row, c++, layout);
                   if (next) next = prefetch(next, kPanelChunkBytes<Block> / 2, kPanelChunkBytes<Block>);
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

// Decodes a whole panel, fetching `next` meanwhile; `adjust` changes each register of integers on its way.
template <class Block, class Adjust>
static void decode_panel(const MatmulArgs& args, const uint8_t* panel, const uint8_t* next, PanelChunk<Block>* out,
                         Adjust&& adjust) {
  const int64_t blocks = args.weights.cols / Block::kValues;
  for (int64_t b = 0; b < blocks; ++b) {
    Block::visit(panel + static_cast<size_t>(b) * Block::kBytes, args.weights.row_bytes,
                 [&](const Isa::I* w, const Isa::F* scale, const Isa::F* min) ALWAYS_INLINE_LAMBDA {
                   for (int i = 0; i < 8; ++i) out->w[i] = adjust(w[i]);
                   for (int g = 0; g < Block::kGroups; ++g) out->scale[g] = scale[g];
                   if constexpr (Block::kMins) {
                     for (int g = 0; g < Block::kGroups; ++g) out->min[g] = min[g];
                   }
                   ++out;
                   if (next) next = prefetch(next, 0, kPanelChunkBytes<Block>);
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
    accumulate<Block, N>(acc, chunks[c].w, chunks[c].scale, chunks[c].min, row, c, layout);
  }
  for (int t = 0; t < N; ++t) store_lanes(acc[t], y + static_cast<size_t>(t) * args.y_stride, rows);
}

template <class Block, int N>
static void run_direct(const MatmulArgs& args, const uint8_t* panel, const uint8_t* next, int64_t rows, float* y) {
  if constexpr (N > 1) {
    if (args.token_count < N) return run_direct<Block, N - 1>(args, panel, next, rows, y);
  }
  panel_direct<Block, N>(args, panel, next, rows, y);
}

// Calls use(panel, next, rows, y, scratch) for each panel of the wanted rows: where it starts, what is read after it
// (or null), how many of its rows count, where its results go and the scratch that is left.
template <class Use>
static ALWAYS_INLINE void for_each_panel(const MatmulArgs& args, uint8_t* scratch, Use&& use) {
  const size_t stride = args.weights.row_bytes;
  for (int64_t r = args.row_begin; r < args.row_end; r += Isa::kRows) {
    const int64_t rows = args.row_end - r < Isa::kRows ? args.row_end - r : Isa::kRows;
    const uint8_t* panel = args.weights.data + static_cast<size_t>(r) * stride;
    const uint8_t* next = r + Isa::kRows < args.row_end ? panel + Isa::kRows * stride : args.next;
    uint8_t* left = scratch;
    if (rows < Isa::kRows) {
      // The last rows are few: read them from a copy, the missing ones as zero, so that nothing is read past the end.
      memset(scratch, 0, Isa::kRows * stride);
      memcpy(scratch, panel, static_cast<size_t>(rows) * stride);
      panel = scratch;
      left += (Isa::kRows * stride + 63) / 64 * 64;
    }
    use(panel, next, rows, args.y + (r - args.row_begin), left);
  }
}

// Tokens from `first` on, N at a time, what is left over by halves.
template <class Block, int N>
static void run_decoded(const MatmulArgs& args, const PanelChunk<Block>* chunks, int64_t rows, int64_t first,
                        float* y) {
  for (; first + N <= args.token_count; first += N) {
    panel_decoded<Block, N>(args, chunks, rows, first, y + static_cast<size_t>(first) * args.y_stride);
  }
  if constexpr (N > 1) run_decoded<Block, N / 2>(args, chunks, rows, first, y);
}

// Many tokens: each panel is decoded once.
template <class Block>
static void matmul_decoded(const MatmulArgs& args) {
  for_each_panel(args, args.scratch,
                 [&](const uint8_t* panel, const uint8_t* next, int64_t rows, float* y, uint8_t* scratch) {
                   auto* chunks = reinterpret_cast<PanelChunk<Block>*>(scratch);
                   decode_panel<Block>(args, panel, next, chunks, [](Isa::I w) ALWAYS_INLINE_LAMBDA { return w; });
                   run_decoded<Block, Isa::kDecodedTokens>(args, chunks, rows, 0, y);
                 });
}

// At most kDirectTokens tokens.
template <class Block>
static void matmul_direct(const MatmulArgs& args) {
  for_each_panel(args, args.scratch, [&](const uint8_t* panel, const uint8_t* next, int64_t rows, float* y, uint8_t*) {
    run_direct<Block, Isa::kDirectTokens>(args, panel, next, rows, y);
  });
}

template <class Block>
static void matmul_quantized(const MatmulArgs& args) {
  read_first_panel(args);
  args.token_count > Isa::kDirectTokens ? matmul_decoded<Block>(args) : matmul_direct<Block>(args);
}
