// One struct per quantised type: how a block of `kRows` neighbouring weight rows becomes registers. Written once over
// the primitives of an instruction set (Isa), included by each instruction set's file.
//
// visit(p, stride, sink) reads one block of each row (row r at p + r * stride) and calls the sink once per chunk of 32
// columns, in column order, with
//   w[8]      the chunk's integers: register i holds columns 4i..4i+3 of every row, one byte each
//   scale[G]  float scale per row of each group (G = kGroups per chunk: groups of 32 or 16 columns)
//   min[G]    additive part per row, only where kMins
// A value is scale * (w - 2^kOffsetShift) + min, without the offset where kOffsetShift is 0. With kSigned the bytes are
// int8 and already passed through Isa::prepare_signed. kMaxQ bounds the unsigned bytes.

struct BlockQ4_0 {
  static constexpr int kValues = 32, kBytes = 18, kGroups = 1, kOffsetShift = 3, kMaxQ = 15;
  static constexpr bool kMins = false, kSigned = false;
  template <class Sink>
  static ALWAYS_INLINE void visit(const uint8_t* p, size_t stride, Sink&& sink) {
    const Isa::F scale = Isa::half_to_float(Isa::load_u16(p, stride));
    Isa::I q[4], w[8];
    Isa::load16(p + 2, stride, q);
    split_nibbles(q, w);
    sink(w, &scale, static_cast<const Isa::F*>(nullptr));
  }
  // Low nibbles are the first 16 columns, high nibbles the last 16.
  static ALWAYS_INLINE void split_nibbles(const Isa::I q[4], Isa::I w[8]) {
    const Isa::I mask = Isa::set1i(0x0f0f0f0f);
    for (int i = 0; i < 4; ++i) {
      w[i] = Isa::and_(q[i], mask);
      w[4 + i] = Isa::and_(Isa::template shr<4>(q[i]), mask);
    }
  }
};

struct BlockQ4_1 {
  static constexpr int kValues = 32, kBytes = 20, kGroups = 1, kOffsetShift = 0, kMaxQ = 15;
  static constexpr bool kMins = true, kSigned = false;
  template <class Sink>
  static ALWAYS_INLINE void visit(const uint8_t* p, size_t stride, Sink&& sink) {
    const Isa::I header = Isa::load_u32(p, stride);
    const Isa::F scale = Isa::half_to_float(Isa::and_(header, Isa::set1i(0xffff)));
    const Isa::F min = Isa::half_to_float(Isa::template shr<16>(header));
    Isa::I q[4], w[8];
    Isa::load16(p + 4, stride, q);
    BlockQ4_0::split_nibbles(q, w);
    sink(w, &scale, &min);
  }
};

// Adds the fifth bits of Q5_0 and Q5_1 to the nibbles: bit 4i + c of `bits` belongs to byte c of w[i].
template <int N>
static ALWAYS_INLINE void add_fifth_bit(Isa::I bits, Isa::I w[8]) {
  const Isa::I nibble = Isa::and_(Isa::template shr<4 * N>(bits), Isa::set1i(15));
  const Isa::I spread = Isa::or_(Isa::or_(nibble, Isa::template shl<7>(nibble)),
                                 Isa::or_(Isa::template shl<14>(nibble), Isa::template shl<21>(nibble)));
  w[N] = Isa::or_(w[N], Isa::template shl<4>(Isa::and_(spread, Isa::set1i(0x01010101))));
}

static ALWAYS_INLINE void add_fifth_bits(Isa::I bits, Isa::I w[8]) {
  add_fifth_bit<0>(bits, w);
  add_fifth_bit<1>(bits, w);
  add_fifth_bit<2>(bits, w);
  add_fifth_bit<3>(bits, w);
  add_fifth_bit<4>(bits, w);
  add_fifth_bit<5>(bits, w);
  add_fifth_bit<6>(bits, w);
  add_fifth_bit<7>(bits, w);
}

struct BlockQ5_0 {
  static constexpr int kValues = 32, kBytes = 22, kGroups = 1, kOffsetShift = 4, kMaxQ = 31;
  static constexpr bool kMins = false, kSigned = false;
  template <class Sink>
  static ALWAYS_INLINE void visit(const uint8_t* p, size_t stride, Sink&& sink) {
    const Isa::F scale = Isa::half_to_float(Isa::load_u16(p, stride));
    Isa::I q[4], w[8];
    Isa::load16(p + 6, stride, q);
    BlockQ4_0::split_nibbles(q, w);
    add_fifth_bits(Isa::load_u32(p + 2, stride), w);
    sink(w, &scale, static_cast<const Isa::F*>(nullptr));
  }
};

struct BlockQ5_1 {
  static constexpr int kValues = 32, kBytes = 24, kGroups = 1, kOffsetShift = 0, kMaxQ = 31;
  static constexpr bool kMins = true, kSigned = false;
  template <class Sink>
  static ALWAYS_INLINE void visit(const uint8_t* p, size_t stride, Sink&& sink) {
    const Isa::I header = Isa::load_u32(p, stride);
    const Isa::F scale = Isa::half_to_float(Isa::and_(header, Isa::set1i(0xffff)));
    const Isa::F min = Isa::half_to_float(Isa::template shr<16>(header));
    Isa::I q[4], w[8];
    Isa::load16(p + 8, stride, q);
    BlockQ4_0::split_nibbles(q, w);
    add_fifth_bits(Isa::load_u32(p + 4, stride), w);
    sink(w, &scale, &min);
  }
};

struct BlockQ8_0 {
  static constexpr int kValues = 32, kBytes = 34, kGroups = 1, kOffsetShift = 0, kMaxQ = 127;
  static constexpr bool kMins = false, kSigned = true;
  template <class Sink>
  static ALWAYS_INLINE void visit(const uint8_t* p, size_t stride, Sink&& sink) {
    const Isa::F scale = Isa::half_to_float(Isa::load_u16(p, stride));
    Isa::I w[8];
    Isa::load16(p + 2, stride, w);
    Isa::load16(p + 18, stride, w + 4);
    for (int i = 0; i < 8; ++i) w[i] = Isa::prepare_signed(w[i]);
    sink(w, &scale, static_cast<const Isa::F*>(nullptr));
  }
};

struct BlockIQ4_NL {
  static constexpr int kValues = 32, kBytes = 18, kGroups = 1, kOffsetShift = 0, kMaxQ = 127;
  static constexpr bool kMins = false, kSigned = true;
  template <class Sink>
  static ALWAYS_INLINE void visit(const uint8_t* p, size_t stride, Sink&& sink) {
    const Isa::F scale = Isa::half_to_float(Isa::load_u16(p, stride));
    Isa::I q[4], w[8];
    Isa::load16(p + 2, stride, q);
    look_up(q, w);
    sink(w, &scale, static_cast<const Isa::F*>(nullptr));
  }
  static ALWAYS_INLINE void look_up(const Isa::I q[4], Isa::I w[8]) {
    BlockQ4_0::split_nibbles(q, w);
    for (int i = 0; i < 8; ++i) w[i] = Isa::prepare_signed(Isa::lookup(kIq4Values, w[i]));
  }
};

struct BlockMXFP4 {
  // Values lie within +-12: with 16 added they are unsigned, which the dot product likes better.
  static constexpr int kValues = 32, kBytes = 17, kGroups = 1, kOffsetShift = 4, kMaxQ = 28;
  static constexpr bool kMins = false, kSigned = false;
  template <class Sink>
  static ALWAYS_INLINE void visit(const uint8_t* p, size_t stride, Sink&& sink) {
    static constexpr int8_t kShifted[16] = {16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4};
    const Isa::F scale = Isa::e8m0_half_to_float(Isa::load_u8(p, stride));
    Isa::I q[4], w[8];
    Isa::load16(p + 1, stride, q);
    BlockQ4_0::split_nibbles(q, w);
    for (int i = 0; i < 8; ++i) w[i] = Isa::lookup(kShifted, w[i]);
    sink(w, &scale, static_cast<const Isa::F*>(nullptr));
  }
};

// Byte J of every lane, as a float.
template <int J>
static ALWAYS_INLINE Isa::F unsigned_byte(Isa::I bytes) {
  return Isa::to_float(Isa::and_(Isa::template shr<8 * J>(bytes), Isa::set1i(0xff)));
}
template <int J>
static ALWAYS_INLINE Isa::F signed_byte(Isa::I bytes) {
  return Isa::to_float(Isa::template sar<24>(Isa::template shl<24 - 8 * J>(bytes)));
}
template <class Function>
static ALWAYS_INLINE void four_times(Function&& f) {
  f(std::integral_constant<int, 0>{});
  f(std::integral_constant<int, 1>{});
  f(std::integral_constant<int, 2>{});
  f(std::integral_constant<int, 3>{});
}

// Header of Q4_K and Q5_K: two halves and 12 bytes with eight 6-bit scales and eight 6-bit mins.
struct KHeader {
  Isa::F scale[8], min[8];
  ALWAYS_INLINE KHeader(const uint8_t* p, size_t stride) {
    Isa::I h[4];
    Isa::load16(p, stride, h);
    const Isa::F d = Isa::half_to_float(Isa::and_(h[0], Isa::set1i(0xffff)));
    // Turned by its sign bit: the mins are subtracted.
    const Isa::F minus_dmin = Isa::half_to_float(Isa::xor_(Isa::template shr<16>(h[0]), Isa::set1i(0x8000)));
    const Isa::I six = Isa::set1i(0x3f3f3f3f), four = Isa::set1i(0x0f0f0f0f), top = Isa::set1i(0x30303030);
    const Isa::I scales[2] = {Isa::and_(h[1], six), Isa::or_(Isa::and_(h[3], four), Isa::and_(Isa::template shr<2>(h[1]), top))};
    const Isa::I mins[2] = {Isa::and_(h[2], six), Isa::or_(Isa::and_(Isa::template shr<4>(h[3]), four),
                                                           Isa::and_(Isa::template shr<2>(h[2]), top))};
    for (int half = 0; half < 2; ++half) {
      four_times([&](auto j) {
        scale[4 * half + j] = Isa::mul(d, unsigned_byte<j>(scales[half]));
        min[4 * half + j] = Isa::mul(minus_dmin, unsigned_byte<j>(mins[half]));
      });
    }
  }
};

struct BlockQ4_K {
  static constexpr int kValues = 256, kBytes = 144, kGroups = 1, kOffsetShift = 0, kMaxQ = 15;
  static constexpr bool kMins = true, kSigned = false;
  template <class Sink>
  static ALWAYS_INLINE void visit(const uint8_t* p, size_t stride, Sink&& sink) {
    const KHeader header(p, stride);
    const Isa::I mask = Isa::set1i(0x0f0f0f0f);
    for (int pair = 0; pair < 4; ++pair) {
      Isa::I q[8], w[8];
      Isa::load16(p + 16 + 32 * pair, stride, q);
      Isa::load16(p + 32 + 32 * pair, stride, q + 4);
      for (int i = 0; i < 8; ++i) w[i] = Isa::and_(q[i], mask);
      sink(w, &header.scale[2 * pair], &header.min[2 * pair]);
      for (int i = 0; i < 8; ++i) w[i] = Isa::and_(Isa::template shr<4>(q[i]), mask);
      sink(w, &header.scale[2 * pair + 1], &header.min[2 * pair + 1]);
    }
  }
};

struct BlockQ5_K {
  static constexpr int kValues = 256, kBytes = 176, kGroups = 1, kOffsetShift = 0, kMaxQ = 31;
  static constexpr bool kMins = true, kSigned = false;
  template <class Sink>
  static ALWAYS_INLINE void visit(const uint8_t* p, size_t stride, Sink&& sink) {
    const KHeader header(p, stride);
    Isa::I high[8];
    Isa::load16(p + 16, stride, high);
    Isa::load16(p + 32, stride, high + 4);
    const Isa::I mask = Isa::set1i(0x0f0f0f0f), one = Isa::set1i(0x01010101);
    four_times([&](auto pair) {
      Isa::I q[8], w[8];
      Isa::load16(p + 48 + 32 * pair, stride, q);
      Isa::load16(p + 64 + 32 * pair, stride, q + 4);
      for (int i = 0; i < 8; ++i) {
        const Isa::I fifth = Isa::template shl<4>(Isa::and_(Isa::template shr<2 * pair>(high[i]), one));
        w[i] = Isa::or_(Isa::and_(q[i], mask), fifth);
      }
      sink(w, &header.scale[2 * pair], &header.min[2 * pair]);
      for (int i = 0; i < 8; ++i) {
        const Isa::I fifth = Isa::template shl<4>(Isa::and_(Isa::template shr<2 * pair + 1>(high[i]), one));
        w[i] = Isa::or_(Isa::and_(Isa::template shr<4>(q[i]), mask), fifth);
      }
      sink(w, &header.scale[2 * pair + 1], &header.min[2 * pair + 1]);
    });
  }
};

// Sixteen groups of 16 columns: the sink takes two at a time.
struct BlockQ6_K {
  static constexpr int kValues = 256, kBytes = 210, kGroups = 2, kOffsetShift = 5, kMaxQ = 63;
  static constexpr bool kMins = false, kSigned = false;
  template <class Sink>
  static ALWAYS_INLINE void visit(const uint8_t* p, size_t stride, Sink&& sink) {
    Isa::I scales[4];
    Isa::load16(p + 192, stride, scales);
    const Isa::F d = Isa::half_to_float(Isa::template shr<16>(Isa::load_u32(p + 206, stride)));
    for (int half = 0; half < 2; ++half) {
      Isa::I low[16], high[8];
      for (int i = 0; i < 4; ++i) Isa::load16(p + 64 * half + 16 * i, stride, low + 4 * i);
      Isa::load16(p + 128 + 32 * half, stride, high);
      Isa::load16(p + 144 + 32 * half, stride, high + 4);
      four_times([&](auto part) { chunk<part>(low, high, d, scales[2 * half + part / 2], sink); });
    }
  }

 private:
  template <int Part, class Sink>
  static ALWAYS_INLINE void chunk(const Isa::I low[16], const Isa::I high[8], Isa::F d, Isa::I scales, Sink&& sink) {
    Isa::I w[8];
    for (int i = 0; i < 8; ++i) {
      const Isa::I nibble = Isa::and_(Isa::template shr<4 * (Part / 2)>(low[8 * (Part % 2) + i]), Isa::set1i(0x0f0f0f0f));
      const Isa::I bits = Isa::and_(Isa::template shr<2 * Part>(high[i]), Isa::set1i(0x03030303));
      w[i] = Isa::or_(nibble, Isa::template shl<4>(bits));
    }
    const Isa::F scale[2] = {Isa::mul(d, signed_byte<2 * (Part % 2)>(scales)),
                             Isa::mul(d, signed_byte<2 * (Part % 2) + 1>(scales))};
    sink(w, scale, static_cast<const Isa::F*>(nullptr));
  }
};

struct BlockQ2_K {
  static constexpr int kValues = 256, kBytes = 84, kGroups = 2, kOffsetShift = 0, kMaxQ = 3;
  static constexpr bool kMins = true, kSigned = false;
  template <class Sink>
  static ALWAYS_INLINE void visit(const uint8_t* p, size_t stride, Sink&& sink) {
    Isa::I scales[4];
    Isa::load16(p, stride, scales);
    const Isa::I halves = Isa::load_u32(p + 80, stride);
    const Isa::F d = Isa::half_to_float(Isa::and_(halves, Isa::set1i(0xffff)));
    const Isa::F minus_dmin = Isa::half_to_float(Isa::xor_(Isa::template shr<16>(halves), Isa::set1i(0x8000)));
    for (int half = 0; half < 2; ++half) {
      Isa::I q[8];
      Isa::load16(p + 16 + 32 * half, stride, q);
      Isa::load16(p + 32 + 32 * half, stride, q + 4);
      four_times([&](auto part) { chunk<part>(q, d, minus_dmin, scales[2 * half + part / 2], sink); });
    }
  }

 private:
  template <int Part, class Sink>
  static ALWAYS_INLINE void chunk(const Isa::I q[8], Isa::F d, Isa::F minus_dmin, Isa::I scales, Sink&& sink) {
    Isa::I w[8];
    for (int i = 0; i < 8; ++i) w[i] = Isa::and_(Isa::template shr<2 * Part>(q[i]), Isa::set1i(0x03030303));
    const Isa::I low = Isa::and_(scales, Isa::set1i(0x0f0f0f0f));
    const Isa::I high = Isa::and_(Isa::template shr<4>(scales), Isa::set1i(0x0f0f0f0f));
    constexpr int kByte = 2 * (Part % 2);
    const Isa::F scale[2] = {Isa::mul(d, unsigned_byte<kByte>(low)), Isa::mul(d, unsigned_byte<kByte + 1>(low))};
    const Isa::F min[2] = {Isa::mul(minus_dmin, unsigned_byte<kByte>(high)),
                           Isa::mul(minus_dmin, unsigned_byte<kByte + 1>(high))};
    sink(w, scale, min);
  }
};

struct BlockQ3_K {
  static constexpr int kValues = 256, kBytes = 110, kGroups = 2, kOffsetShift = 2, kMaxQ = 7;
  static constexpr bool kMins = false, kSigned = false;
  template <class Sink>
  static ALWAYS_INLINE void visit(const uint8_t* p, size_t stride, Sink&& sink) {
    const Isa::F d = Isa::half_to_float(Isa::template shr<16>(Isa::load_u32(p + 106, stride)));
    const Isa::I s0 = Isa::load_u32(p + 96, stride), s1 = Isa::load_u32(p + 100, stride), s2 = Isa::load_u32(p + 104, stride);
    const Isa::I four = Isa::set1i(0x0f0f0f0f), top = Isa::set1i(0x30303030);
    const Isa::I scales[4] = {Isa::or_(Isa::and_(s0, four), Isa::and_(Isa::template shl<4>(s2), top)),
                              Isa::or_(Isa::and_(s1, four), Isa::and_(Isa::template shl<2>(s2), top)),
                              Isa::or_(Isa::and_(Isa::template shr<4>(s0), four), Isa::and_(s2, top)),
                              Isa::or_(Isa::and_(Isa::template shr<4>(s1), four), Isa::and_(Isa::template shr<2>(s2), top))};
    Isa::I high[8];
    Isa::load16(p, stride, high);
    Isa::load16(p + 16, stride, high + 4);
    half<0>(p, stride, high, d, scales, sink);
    half<1>(p, stride, high, d, scales, sink);
  }

 private:
  template <int Half, class Sink>
  static ALWAYS_INLINE void half(const uint8_t* p, size_t stride, const Isa::I high[8], Isa::F d, const Isa::I scales[4],
                                 Sink&& sink) {
    Isa::I q[8];
    Isa::load16(p + 32 + 32 * Half, stride, q);
    Isa::load16(p + 48 + 32 * Half, stride, q + 4);
    four_times([&](auto part) {
      Isa::I w[8];
      for (int i = 0; i < 8; ++i) {
        const Isa::I low = Isa::and_(Isa::template shr<2 * part>(q[i]), Isa::set1i(0x03030303));
        const Isa::I bit = Isa::and_(Isa::template shr<4 * Half + part>(high[i]), Isa::set1i(0x01010101));
        w[i] = Isa::or_(low, Isa::template shl<2>(bit));
      }
      const Isa::I s = scales[2 * Half + part / 2];
      constexpr int kByte = 2 * (part % 2);
      const Isa::F minus32 = Isa::set1(-32.0F);
      const Isa::F scale[2] = {Isa::mul(d, Isa::add(unsigned_byte<kByte>(s), minus32)),
                               Isa::mul(d, Isa::add(unsigned_byte<kByte + 1>(s), minus32))};
      sink(w, scale, static_cast<const Isa::F*>(nullptr));
    });
  }
};

struct BlockIQ4_XS {
  static constexpr int kValues = 256, kBytes = 136, kGroups = 1, kOffsetShift = 0, kMaxQ = 127;
  static constexpr bool kMins = false, kSigned = true;
  template <class Sink>
  static ALWAYS_INLINE void visit(const uint8_t* p, size_t stride, Sink&& sink) {
    const Isa::I header = Isa::load_u32(p, stride), low = Isa::load_u32(p + 4, stride);
    const Isa::F d = Isa::half_to_float(Isa::and_(header, Isa::set1i(0xffff)));
    const Isa::I high = Isa::template shr<16>(header);
    four_times([&](auto pair) {
      chunk<2 * pair>(p, stride, d, low, high, sink);
      chunk<2 * pair + 1>(p, stride, d, low, high, sink);
    });
  }

 private:
  template <int G, class Sink>
  static ALWAYS_INLINE void chunk(const uint8_t* p, size_t stride, Isa::F d, Isa::I low, Isa::I high, Sink&& sink) {
    const Isa::I nibble = Isa::and_(Isa::template shr<4 * G>(low), Isa::set1i(15));
    const Isa::I bits = Isa::template shl<4>(Isa::and_(Isa::template shr<2 * G>(high), Isa::set1i(3)));
    const Isa::F scale = Isa::mul(d, Isa::add(Isa::to_float(Isa::or_(nibble, bits)), Isa::set1(-32.0F)));
    Isa::I q[4], w[8];
    Isa::load16(p + 8 + 16 * G, stride, q);
    BlockIQ4_NL::look_up(q, w);
    sink(w, &scale, static_cast<const Isa::F*>(nullptr));
  }
};

// Calls use(Block{}) for the struct of a quantised type; does nothing for a float type.
template <class Use>
static ALWAYS_INLINE void with_block(DType type, Use&& use) {
  switch (type) {
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16: return;
    case DType::kQ4_0: return use(BlockQ4_0{});
    case DType::kQ4_1: return use(BlockQ4_1{});
    case DType::kQ5_0: return use(BlockQ5_0{});
    case DType::kQ5_1: return use(BlockQ5_1{});
    case DType::kQ8_0: return use(BlockQ8_0{});
    case DType::kQ2_K: return use(BlockQ2_K{});
    case DType::kQ3_K: return use(BlockQ3_K{});
    case DType::kQ4_K: return use(BlockQ4_K{});
    case DType::kQ5_K: return use(BlockQ5_K{});
    case DType::kQ6_K: return use(BlockQ6_K{});
    case DType::kIQ4_NL: return use(BlockIQ4_NL{});
    case DType::kIQ4_XS: return use(BlockIQ4_XS{});
    case DType::kMXFP4: return use(BlockMXFP4{});
  }
}
