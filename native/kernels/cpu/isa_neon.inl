// Primitives of AArch64 with the dot product extension. A panel is one register of 4 rows: a chunk's integers take 8 of
// the 32 registers then, which leaves room for the accumulators of 8 tokens. The 16 virtual lanes are four registers.
struct Isa {
  using F = float32x4_t;
  using I = uint32x4_t;
  struct V {
    float32x4_t part[4];
  };
  static constexpr int kRows = 4;
  static constexpr int kDirectTokens = 4;
  static constexpr int kDecodedTokens = 8;
  static constexpr int kSignedOffsetShift = 0;  // the dot product is signed by signed; unsigned bytes are below 128
  static constexpr int kFloatRows = 2, kFloatTokens = 2;
  static constexpr int kAttentionRegisters = 4;

  static ALWAYS_INLINE F zero() { return vdupq_n_f32(0.0F); }
  static ALWAYS_INLINE I zeroi() { return vdupq_n_u32(0); }
  static ALWAYS_INLINE F set1(float x) { return vdupq_n_f32(x); }
  static ALWAYS_INLINE I set1i(int32_t x) { return vdupq_n_u32(static_cast<uint32_t>(x)); }
  static ALWAYS_INLINE F mul(F a, F b) { return vmulq_f32(a, b); }
  static ALWAYS_INLINE F add(F a, F b) { return vaddq_f32(a, b); }
  static ALWAYS_INLINE F fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }
  static ALWAYS_INLINE F to_float(I a) { return vcvtq_f32_s32(vreinterpretq_s32_u32(a)); }
  static ALWAYS_INLINE F half_to_float(I a) { return vcvt_f32_f16(vreinterpret_f16_u16(vmovn_u32(a))); }
  static ALWAYS_INLINE F e8m0_half_to_float(I e) {
    const I normal = vshlq_n_u32(vsubq_u32(e, set1i(1)), 23);
    const I subnormal = vshlq_u32(set1i(0x00200000), vreinterpretq_s32_u32(e));
    return vreinterpretq_f32_u32(vbslq_u32(vcltq_u32(e, set1i(2)), subnormal, normal));
  }
  static ALWAYS_INLINE void store(float* p, F a) { vst1q_f32(p, a); }
  static ALWAYS_INLINE I and_(I a, I b) { return vandq_u32(a, b); }
  static ALWAYS_INLINE I or_(I a, I b) { return vorrq_u32(a, b); }
  static ALWAYS_INLINE I xor_(I a, I b) { return veorq_u32(a, b); }
  // The right shifts have no encoding for 0.
  template <int N>
  static ALWAYS_INLINE I shl(I a) {
    return vshlq_n_u32(a, N);
  }
  template <int N>
  static ALWAYS_INLINE I shr(I a) {
    if constexpr (N == 0) return a;
    return vshrq_n_u32(a, N == 0 ? 1 : N);
  }
  template <int N>
  static ALWAYS_INLINE I sar(I a) {
    if constexpr (N == 0) return a;
    return vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(a), N == 0 ? 1 : N));
  }
  static ALWAYS_INLINE I lookup(const int8_t table[16], I index) {
    return vreinterpretq_u32_s8(vqtbl1q_s8(vld1q_s8(table), vreinterpretq_u8_u32(index)));
  }
  static ALWAYS_INLINE I prepare_signed(I w) { return w; }

  // By bytes: rows of weights have no alignment.
  static ALWAYS_INLINE I load_row(const uint8_t* p) { return vreinterpretq_u32_u8(vld1q_u8(p)); }
  static ALWAYS_INLINE I low_pairs(I a, I b) {
    return vreinterpretq_u32_u64(vtrn1q_u64(vreinterpretq_u64_u32(a), vreinterpretq_u64_u32(b)));
  }
  static ALWAYS_INLINE I high_pairs(I a, I b) {
    return vreinterpretq_u32_u64(vtrn2q_u64(vreinterpretq_u64_u32(a), vreinterpretq_u64_u32(b)));
  }
  static ALWAYS_INLINE void load16(const uint8_t* p, size_t stride, I out[4]) {
    const I a = load_row(p), b = load_row(p + stride), c = load_row(p + 2 * stride), d = load_row(p + 3 * stride);
    const I ab02 = vtrn1q_u32(a, b), ab13 = vtrn2q_u32(a, b);
    const I cd02 = vtrn1q_u32(c, d), cd13 = vtrn2q_u32(c, d);
    out[0] = low_pairs(ab02, cd02);
    out[1] = low_pairs(ab13, cd13);
    out[2] = high_pairs(ab02, cd02);
    out[3] = high_pairs(ab13, cd13);
  }
  static ALWAYS_INLINE uint32_t scalar(const uint8_t* p) {
    uint32_t value;
    memcpy(&value, p, sizeof(value));
    return value;
  }
  static ALWAYS_INLINE I load_u32(const uint8_t* p, size_t stride) {
    return I{scalar(p), scalar(p + stride), scalar(p + 2 * stride), scalar(p + 3 * stride)};
  }
  static ALWAYS_INLINE I load_u16(const uint8_t* p, size_t stride) { return and_(load_u32(p, stride), set1i(0xffff)); }
  static ALWAYS_INLINE I load_u8(const uint8_t* p, size_t stride) { return and_(load_u32(p, stride), set1i(0xff)); }

  // Four activations are one lane of the multiplier: no broadcast is needed.
  template <bool Signed, int MaxQ, int Registers, int N, class Offset>
  static ALWAYS_INLINE void dots(I sum[N], const Offset& offset, const I* w, const int8_t* const a[N]) {
    static_assert(MaxQ < 128 && Registers % 4 == 0);
    for (int t = 0; t < N; ++t) {
      int32x4_t s = vreinterpretq_s32_u32(offset(t));
      for (int i = 0; i < Registers; i += 4) {
        const int8x16_t x = vld1q_s8(a[t] + 4 * i);
        s = vdotq_laneq_s32(s, vreinterpretq_s8_u32(w[i]), x, 0);
        s = vdotq_laneq_s32(s, vreinterpretq_s8_u32(w[i + 1]), x, 1);
        s = vdotq_laneq_s32(s, vreinterpretq_s8_u32(w[i + 2]), x, 2);
        s = vdotq_laneq_s32(s, vreinterpretq_s8_u32(w[i + 3]), x, 3);
      }
      sum[t] = vreinterpretq_u32_s32(s);
    }
  }

  // Spelled out instead of a loop, so that the parts become registers early.
  template <class Function>
  static ALWAYS_INLINE V each(Function&& f) {
    return {{f(0), f(1), f(2), f(3)}};
  }
  static ALWAYS_INLINE V zero16() { return set16(0.0F); }
  static ALWAYS_INLINE V set16(float x) {
    return each([=](int) { return vdupq_n_f32(x); });
  }
  static ALWAYS_INLINE V load16f(const float* p) {
    return each([=](int i) { return vld1q_f32(p + 4 * i); });
  }
  static ALWAYS_INLINE V load16h(const uint16_t* p) {
    return each([=](int i) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))); });
  }
  static ALWAYS_INLINE V load16b(const uint16_t* p) {
    return each([=](int i) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16)); });
  }
  static ALWAYS_INLINE void store16(float* p, V a) {
    vst1q_f32(p, a.part[0]);
    vst1q_f32(p + 4, a.part[1]);
    vst1q_f32(p + 8, a.part[2]);
    vst1q_f32(p + 12, a.part[3]);
  }
  static ALWAYS_INLINE V fma16(V a, V b, V c) {
    return each([&](int i) { return vfmaq_f32(c.part[i], a.part[i], b.part[i]); });
  }
  static ALWAYS_INLINE V mul16(V a, V b) {
    return each([&](int i) { return vmulq_f32(a.part[i], b.part[i]); });
  }
  static ALWAYS_INLINE V add16(V a, V b) {
    return each([&](int i) { return vaddq_f32(a.part[i], b.part[i]); });
  }
  static ALWAYS_INLINE V sub16(V a, V b) {
    return each([&](int i) { return vsubq_f32(a.part[i], b.part[i]); });
  }
  static ALWAYS_INLINE V div16(V a, V b) {
    return each([&](int i) { return vdivq_f32(a.part[i], b.part[i]); });
  }
  // Compare and select: FMIN and FMAX order -0 below +0, the other sets return the second operand.
  static ALWAYS_INLINE V min16(V a, V b) {
    return each([&](int i) { return vbslq_f32(vcltq_f32(a.part[i], b.part[i]), a.part[i], b.part[i]); });
  }
  static ALWAYS_INLINE V max16(V a, V b) {
    return each([&](int i) { return vbslq_f32(vcgtq_f32(a.part[i], b.part[i]), a.part[i], b.part[i]); });
  }
  static ALWAYS_INLINE V round16(V a) {
    return each([&](int i) { return vrndnq_f32(a.part[i]); });
  }
  static ALWAYS_INLINE V scale_by_power(V p, V n) {
    return each([&](int i) {
      const int32x4_t exponent = vshlq_n_s32(vcvtq_s32_f32(n.part[i]), 23);
      return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(p.part[i]), exponent));
    });
  }
  static ALWAYS_INLINE V zero_below(V a, V x, float bound) {
    return each([&](int i) {
      const uint32x4_t below = vcltq_f32(x.part[i], vdupq_n_f32(bound));
      return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(a.part[i]), below));
    });
  }
  static ALWAYS_INLINE float sum16(V a) {
    const float32x4_t quarter = vaddq_f32(vaddq_f32(a.part[0], a.part[2]), vaddq_f32(a.part[1], a.part[3]));
    return vpadds_f32(vadd_f32(vget_low_f32(quarter), vget_high_f32(quarter)));
  }
  static ALWAYS_INLINE float highest16(V a) {
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.part[0], a.part[1]), vmaxq_f32(a.part[2], a.part[3])));
  }
  static ALWAYS_INLINE float max_magnitude(V a, V b) {
    const V larger = each([&](int i) { return vmaxq_f32(vabsq_f32(a.part[i]), vabsq_f32(b.part[i])); });
    return highest16(larger);
  }
  static ALWAYS_INLINE int32_t round_to_int8(V a, int8_t* out) {
    const int32x4_t q0 = vcvtnq_s32_f32(a.part[0]), q1 = vcvtnq_s32_f32(a.part[1]);
    const int32x4_t q2 = vcvtnq_s32_f32(a.part[2]), q3 = vcvtnq_s32_f32(a.part[3]);
    const int16x8_t low = vuzp1q_s16(vreinterpretq_s16_s32(q0), vreinterpretq_s16_s32(q1));
    const int16x8_t high = vuzp1q_s16(vreinterpretq_s16_s32(q2), vreinterpretq_s16_s32(q3));
    vst1q_s8(out, vuzp1q_s8(vreinterpretq_s8_s16(low), vreinterpretq_s8_s16(high)));
    return vaddvq_s32(vaddq_s32(vaddq_s32(q0, q1), vaddq_s32(q2, q3)));
  }
};
