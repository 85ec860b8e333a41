// Matrix product with AMX tiles: 16 tokens times the 16 rows of a panel, 32 (or 16) columns at a time. A tile product
// is an exact integer sum, so each output runs the same chain as in registers (kernels.h). The weights' offset is taken
// out of the weights themselves, once per panel: tiles multiply signed by signed.

// Tiles are named by number in the instruction, hence assembly: sums are 0 to 3, activations 4 and 5, weights 6 and 7.
template <int Tile>
static ALWAYS_INLINE void tile_zero() {
  asm volatile("tilezero %%tmm%c0" : : "i"(Tile));
}
template <int Tile>
static ALWAYS_INLINE void tile_load(const void* p, size_t stride) {
  asm volatile("tileloadd (%1,%2,1), %%tmm%c0" : : "i"(Tile), "r"(p), "r"(stride) : "memory");
}
template <int Tile>
static ALWAYS_INLINE void tile_store(void* p, size_t stride) {
  asm volatile("tilestored %%tmm%c0, (%1,%2,1)" : : "i"(Tile), "r"(p), "r"(stride) : "memory");
}
template <int Sum, int Activations, int Weights>
static ALWAYS_INLINE void tile_multiply() {
  asm volatile("tdpbssd %%tmm%c0, %%tmm%c1, %%tmm%c2" : : "i"(Weights), "i"(Activations), "i"(Sum));
}

struct alignas(64) TileConfiguration {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
  explicit TileConfiguration(int columns) {
    for (int t = 0; t < 4; ++t) row_bytes[t] = 64, rows[t] = 16;
    for (int t = 4; t < 6; ++t) row_bytes[t] = static_cast<uint16_t>(columns), rows[t] = 16;
    for (int t = 6; t < 8; ++t) row_bytes[t] = 64, rows[t] = static_cast<uint8_t>(columns / 4);
  }
};

constexpr int kTileTokens = 16;

// Activations as the tiles read them: for each 16 tokens and chunk the integers [token][32], and the scales (and for
// types with mins the scaled sums) [part][token]. Packed so that both stream: measured 34 cycles a product where rows
// at their own distance took 54.
template <class Block>
struct TileActivations {
  static constexpr int kParts = Block::kMins ? 1 + Block::kGroups : 1;
  const int8_t* values;
  const float* scales;
};

// Integer sums of one product: [token][row].
struct alignas(64) TileSums {
  int32_t sum[kTileTokens][16];
};

// The product of group `Slot % kGroups` of a chunk, into tile `Slot`.
template <class Block, int Slot>
static ALWAYS_INLINE void start_product(const int8_t* values, const PanelChunk<Block>& chunk) {
  constexpr int kColumns = 32 / Block::kGroups, kGroup = Slot % Block::kGroups, kInput = Slot % 2;
  tile_zero<Slot>();
  tile_load<4 + kInput>(values + kGroup * kColumns, 32);
  tile_load<6 + kInput>(chunk.w + kGroup * kColumns / 4, 64);
  tile_multiply<Slot, 4 + kInput, 6 + kInput>();
}

// Adds the sums of one chunk to the accumulators of the 16 tokens.
template <class Block>
static ALWAYS_INLINE void finish_chunk(Isa::F acc[kTileTokens], const PanelChunk<Block>& chunk, const float* scales,
                                       const TileSums* sums) {
#pragma GCC unroll 16
  for (int t = 0; t < kTileTokens; ++t) {
    for (int g = 0; g < Block::kGroups; ++g) {
      acc[t] = Isa::fma(Isa::mul(chunk.scale[g], Isa::set1(scales[t])),
                        Isa::to_float(_mm512_load_si512(sums[g].sum[t])), acc[t]);
    }
    if constexpr (Block::kMins) {
      for (int g = 0; g < Block::kGroups; ++g) {
        acc[t] = Isa::fma(chunk.min[g], Isa::set1(scales[(1 + g) * kTileTokens + t]), acc[t]);
      }
    }
  }
}

// One panel times 16 tokens. While four sums are added up, the tiles work on the next four; the first round only starts
// them. Measured: for some 200 cycles after a tile instruction one of the two multipliers for 512 bits stands still, so
// that adding up takes 48 cycles a chunk, not 27; it is what bounds this kernel.
template <class Block>
static void panel_tiles(const int8_t* values, const float* scales, const PanelChunk<Block>* chunks, int64_t count,
                        int64_t rows, int64_t live, float* y, size_t y_stride) {
  constexpr int kBatch = 4 / Block::kGroups;
  TileSums sums[4];
  Isa::F acc[kTileTokens];
#pragma GCC unroll 16
  for (int t = 0; t < kTileTokens; ++t) acc[t] = Isa::zero();
  for (int64_t first = -kBatch; first < count; first += kBatch) {
    four_times([&](auto slot) ALWAYS_INLINE_LAMBDA {
      const int64_t next = first + kBatch + slot / Block::kGroups;
      tile_store<slot>(sums + slot, 64);
      if (next < count) start_product<Block, slot>(values + 32 * kTileTokens * next, chunks[next]);
    });
    if (first < 0) continue;
    for (int i = 0; i < kBatch && first + i < count; ++i) {
      finish_chunk<Block>(acc, chunks[first + i], scales + (first + i) * kTileTokens * TileActivations<Block>::kParts,
                          sums + i * Block::kGroups);
    }
  }
#pragma GCC unroll 16
  for (int t = 0; t < kTileTokens; ++t) {
    if (t < live) store_lanes(acc[t], y + static_cast<size_t>(t) * y_stride, rows);
  }
}

// Tokens per pass over the weights: enough to make the decoding of the panels cheap, few enough for the L2 cache.
constexpr int64_t kTileBlock = 128;

// Packs tokens [first, first + count) into `scratch`, which moves behind them. The last tile is filled up with zeros.
template <class Block>
static TileActivations<Block> pack_tokens(const MatmulArgs& args, int64_t first, int64_t count, uint8_t*& scratch) {
  constexpr int kParts = TileActivations<Block>::kParts;
  const QuantizedRowLayout layout(args.weights.cols);
  const int64_t chunks = args.weights.cols / 32;
  const int64_t tiles = (count + kTileTokens - 1) / kTileTokens;
  auto* scales = reinterpret_cast<float*>(scratch);
  auto* values = reinterpret_cast<int8_t*>(scales + tiles * chunks * kParts * kTileTokens);
  scratch = reinterpret_cast<uint8_t*>(values + tiles * chunks * kTileTokens * 32);
  const TileActivations<Block> packed{values, scales};
  for (int64_t tile = 0; tile < tiles; ++tile) {
    QuantizedRow row[kTileTokens];
    const int64_t live = count - tile * kTileTokens < kTileTokens ? count - tile * kTileTokens : kTileTokens;
    for (int64_t t = 0; t < live; ++t) row[t].base = activation_row(args, first + tile * kTileTokens + t);
    for (int64_t c = 0; c < chunks; ++c, values += kTileTokens * 32, scales += kTileTokens * kParts) {
      for (int64_t t = 0; t < live; ++t) {
        memcpy(values + 32 * t, row[t].values(c), 32);
        scales[t] = row[t].f32(layout.scale, c);
        for (int p = 1; p < kParts; ++p) {
          scales[p * kTileTokens + t] =
              Block::kGroups == 1 ? row[t].f32(layout.scaled_sum, c) : row[t].f32(layout.scaled_sum16, 2 * c + p - 1);
        }
      }
      for (int64_t t = live; t < kTileTokens; ++t) {
        memset(values + 32 * t, 0, 32);
        for (int p = 0; p < kParts; ++p) scales[p * kTileTokens + t] = 0.0F;
      }
    }
  }
  return packed;
}

template <class Block>
static void matmul_tiles(const MatmulArgs& args) {
  constexpr int kShift = Block::kSigned ? Isa::kSignedOffsetShift : Block::kOffsetShift;
  constexpr auto kOffset = static_cast<int8_t>(kShift == 0 ? 0 : 1 << kShift);
  const int64_t chunk_count = args.weights.cols / 32;
  const TileConfiguration configuration(32 / Block::kGroups);
  asm volatile("ldtilecfg %0" : : "m"(configuration));
  for (int64_t first = 0; first < args.token_count; first += kTileBlock) {
    const int64_t tokens = args.token_count - first < kTileBlock ? args.token_count - first : kTileBlock;
    uint8_t* scratch = args.scratch;
    const TileActivations<Block> x = pack_tokens<Block>(args, first, tokens, scratch);
    for_each_panel(args, scratch,
                   [&](const uint8_t* panel, const uint8_t* next, int64_t rows, float* y, uint8_t* left) {
                     auto* chunks = reinterpret_cast<PanelChunk<Block>*>(left);
                     decode_panel<Block>(args, panel, next, chunks, [](Isa::I w) ALWAYS_INLINE_LAMBDA {
                       return kOffset == 0 ? w : _mm512_sub_epi8(w, _mm512_set1_epi8(kOffset));
                     });
                     for (int64_t t = 0; t < tokens; t += kTileTokens) {
                       panel_tiles<Block>(x.values + 32 * t * chunk_count, x.scales + x.kParts * t * chunk_count,
                                          chunks, chunk_count, rows, tokens - t,
                                          y + static_cast<size_t>(first + t) * args.y_stride, args.y_stride);
                     }
                   });
  }
  asm volatile("tilerelease");
}
