// Primitives in plain C++. fmaf is exact everywhere, in hardware or not, which keeps the bits equal.
struct Isa {
  static constexpr int kRows = 4;
  struct F {
    float lane[kRows];
  };
  struct I {
    uint32_t lane[kRows];
  };
  struct V {
    float lane[16];
  };
  static constexpr int kDirectTokens = 1;
  static constexpr int kDecodedTokens = 2;
  static constexpr int kSignedOffsetShift = 0;
  static constexpr int kFloatRows = 1, kFloatTokens = 1;
  static constexpr int kAttentionRegisters = 2;

  template <class Function>
  static ALWAYS_INLINE F each_f(Function&& f) {
    F out;
    for (int r = 0; r < kRows; ++r) out.lane[r] = f(r);
    return out;
  }
  template <class Function>
  static ALWAYS_INLINE I each_i(Function&& f) {
    I out;
    for (int r = 0; r < kRows; ++r) out.lane[r] = f(r);
    return out;
  }
  template <class Function>
  static ALWAYS_INLINE V each_v(Function&& f) {
    V out;
    for (int l = 0; l < 16; ++l) out.lane[l] = f(l);
    return out;
  }

  static ALWAYS_INLINE F zero() { return set1(0.0F); }
  static ALWAYS_INLINE I zeroi() { return set1i(0); }
  static ALWAYS_INLINE F set1(float x) {
    return each_f([=](int) { return x; });
  }
  static ALWAYS_INLINE I set1i(int32_t x) {
    return each_i([=](int) { return static_cast<uint32_t>(x); });
  }
  static ALWAYS_INLINE F mul(F a, F b) {
    return each_f([&](int r) { return a.lane[r] * b.lane[r]; });
  }
  static ALWAYS_INLINE F add(F a, F b) {
    return each_f([&](int r) { return a.lane[r] + b.lane[r]; });
  }
  static ALWAYS_INLINE F fma(F a, F b, F c) {
    return each_f([&](int r) { return fmaf(a.lane[r], b.lane[r], c.lane[r]); });
  }
  static ALWAYS_INLINE F to_float(I a) {
    return each_f([&](int r) { return static_cast<float>(static_cast<int32_t>(a.lane[r])); });
  }
  static ALWAYS_INLINE F half_to_float(I a) {
    return each_f([&](int r) { return moeflow::half_to_float(static_cast<uint16_t>(a.lane[r])); });
  }
  static ALWAYS_INLINE F e8m0_half_to_float(I a) {
    return each_f([&](int r) { return e8m0_half(static_cast<uint8_t>(a.lane[r])); });
  }
  static ALWAYS_INLINE void store(float* p, F a) { memcpy(p, a.lane, sizeof(a.lane)); }
  static ALWAYS_INLINE I and_(I a, I b) {
    return each_i([&](int r) { return a.lane[r] & b.lane[r]; });
  }
  static ALWAYS_INLINE I or_(I a, I b) {
    return each_i([&](int r) { return a.lane[r] | b.lane[r]; });
  }
  static ALWAYS_INLINE I xor_(I a, I b) {
    return each_i([&](int r) { return a.lane[r] ^ b.lane[r]; });
  }
  template <int N>
  static ALWAYS_INLINE I shl(I a) {
    return each_i([&](int r) { return a.lane[r] << N; });
  }
  template <int N>
  static ALWAYS_INLINE I shr(I a) {
    return each_i([&](int r) { return a.lane[r] >> N; });
  }
  template <int N>
  static ALWAYS_INLINE I sar(I a) {
    return each_i([&](int r) { return static_cast<uint32_t>(static_cast<int32_t>(a.lane[r]) >> N); });
  }
  static ALWAYS_INLINE I lookup(const int8_t table[16], I index) {
    return each_i([&](int r) {
      uint32_t out = 0;
      for (int j = 0; j < 4; ++j) {
        out |= static_cast<uint32_t>(static_cast<uint8_t>(table[(index.lane[r] >> (8 * j)) & 15])) << (8 * j);
      }
      return out;
    });
  }
  static ALWAYS_INLINE I prepare_signed(I w) { return w; }
  // Bytes are put together by value, not by memcpy: the order is the file's, whatever the machine's.
  static ALWAYS_INLINE uint32_t little_endian(const uint8_t* p, int bytes) {
    uint32_t value = 0;
    for (int j = 0; j < bytes; ++j) value |= static_cast<uint32_t>(p[j]) << (8 * j);
    return value;
  }
  static ALWAYS_INLINE void load16(const uint8_t* p, size_t stride, I out[4]) {
    for (int i = 0; i < 4; ++i) out[i] = load_u32(p + 4 * i, stride);
  }
  static ALWAYS_INLINE I load_u32(const uint8_t* p, size_t stride) {
    return each_i([&](int r) { return little_endian(p + static_cast<size_t>(r) * stride, 4); });
  }
  static ALWAYS_INLINE I load_u16(const uint8_t* p, size_t stride) {
    return each_i([&](int r) { return little_endian(p + static_cast<size_t>(r) * stride, 2); });
  }
  static ALWAYS_INLINE I load_u8(const uint8_t* p, size_t stride) {
    return each_i([&](int r) { return little_endian(p + static_cast<size_t>(r) * stride, 1); });
  }
  template <bool Signed, int MaxQ, int Registers, int N, class Offset>
  static ALWAYS_INLINE void dots(I sum[N], const Offset& offset, const I* w, const int8_t* const a[N]) {
    for (int t = 0; t < N; ++t) {
      sum[t] = offset(t);
      for (int r = 0; r < kRows; ++r) {
        int32_t total = static_cast<int32_t>(sum[t].lane[r]);
        for (int i = 0; i < 4 * Registers; ++i) {
          const uint32_t byte = (w[i / 4].lane[r] >> (8 * (i % 4))) & 0xff;
          total += (Signed ? static_cast<int8_t>(byte) : static_cast<int32_t>(byte)) * a[t][i];
        }
        sum[t].lane[r] = static_cast<uint32_t>(total);
      }
    }
  }

  static ALWAYS_INLINE V zero16() { return set16(0.0F); }
  static ALWAYS_INLINE V set16(float x) {
    return each_v([=](int) { return x; });
  }
  static ALWAYS_INLINE V load16f(const float* p) {
    return each_v([=](int l) { return p[l]; });
  }
  static ALWAYS_INLINE V load16h(const uint16_t* p) {
    return each_v([=](int l) { return moeflow::half_to_float(p[l]); });
  }
  static ALWAYS_INLINE V load16b(const uint16_t* p) {
    return each_v([=](int l) { return __builtin_bit_cast(float, static_cast<uint32_t>(p[l]) << 16); });
  }
  static ALWAYS_INLINE void store16(float* p, V a) { memcpy(p, a.lane, sizeof(a.lane)); }
  static ALWAYS_INLINE V fma16(V a, V b, V c) {
    return each_v([&](int l) { return fmaf(a.lane[l], b.lane[l], c.lane[l]); });
  }
  static ALWAYS_INLINE V mul16(V a, V b) {
    return each_v([&](int l) { return a.lane[l] * b.lane[l]; });
  }
  static ALWAYS_INLINE V add16(V a, V b) {
    return each_v([&](int l) { return a.lane[l] + b.lane[l]; });
  }
  static ALWAYS_INLINE V sub16(V a, V b) {
    return each_v([&](int l) { return a.lane[l] - b.lane[l]; });
  }
  static ALWAYS_INLINE V div16(V a, V b) {
    return each_v([&](int l) { return a.lane[l] / b.lane[l]; });
  }
  static ALWAYS_INLINE V min16(V a, V b) {
    return each_v([&](int l) { return a.lane[l] < b.lane[l] ? a.lane[l] : b.lane[l]; });
  }
  static ALWAYS_INLINE V max16(V a, V b) {
    return each_v([&](int l) { return a.lane[l] > b.lane[l] ? a.lane[l] : b.lane[l]; });
  }
  static ALWAYS_INLINE V round16(V a) {
    return each_v([&](int l) { return rintf(a.lane[l]); });
  }
  static ALWAYS_INLINE V scale_by_power(V p, V n) {
    return each_v([&](int l) {
      const uint32_t exponent = static_cast<uint32_t>(static_cast<int32_t>(n.lane[l])) << 23;
      return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, p.lane[l]) + exponent);
    });
  }
  static ALWAYS_INLINE V zero_below(V a, V x, float bound) {
    return each_v([&](int l) { return x.lane[l] < bound ? 0.0F : a.lane[l]; });
  }
  static ALWAYS_INLINE float sum16(V a) {
    for (int half = 8; half > 0; half /= 2) {
      for (int l = 0; l < half; ++l) a.lane[l] += a.lane[l + half];
    }
    return a.lane[0];
  }
  static ALWAYS_INLINE float highest16(V a) {
    float highest = a.lane[0];
    for (int l = 1; l < 16; ++l) highest = a.lane[l] > highest ? a.lane[l] : highest;
    return highest;
  }
  static ALWAYS_INLINE float max_magnitude(V a, V b) {
    float largest = 0.0F;
    for (int l = 0; l < 16; ++l) {
      const float larger = fabsf(a.lane[l]) > fabsf(b.lane[l]) ? fabsf(a.lane[l]) : fabsf(b.lane[l]);
      largest = larger > largest ? larger : largest;
    }
    return largest;
  }
  static ALWAYS_INLINE int32_t round_to_int8(V a, int8_t* out) {
    int32_t sum = 0;
    for (int l = 0; l < 16; ++l) {
      const auto q = static_cast<int32_t>(rintf(a.lane[l]));
      out[l] = static_cast<int8_t>(q);
      sum += q;
    }
    return sum;
  }
};
