// Primitives of AVX-512 F, BW, DQ, VL and VNNI. One register is a panel lane set and also the 16 virtual lanes.
struct Isa {
  using F = __m512;
  using I = __m512i;
  using V = __m512;
  static constexpr int kRows = 16;
  static constexpr int kDirectTokens = 8;
  static constexpr int kDecodedTokens = 8;
  // VNNI multiplies unsigned by signed: signed weights get 128 added, and the sums of the activations take it out
  // again.
  static constexpr int kSignedOffsetShift = 7;
  static constexpr int kFloatRows = 4, kFloatTokens = 4;
  static constexpr int kAttentionRegisters = 16;

  static ALWAYS_INLINE F zero() { return _mm512_setzero_ps(); }
  static ALWAYS_INLINE I zeroi() { return _mm512_setzero_si512(); }
  static ALWAYS_INLINE F set1(float x) { return _mm512_set1_ps(x); }
  static ALWAYS_INLINE I set1i(int32_t x) { return _mm512_set1_epi32(x); }
  static ALWAYS_INLINE F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static ALWAYS_INLINE F add(F a, F b) { return _mm512_add_ps(a, b); }
  static ALWAYS_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static ALWAYS_INLINE F to_float(I a) { return _mm512_cvtepi32_ps(a); }
  static ALWAYS_INLINE F half_to_float(I a) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(a)); }
  static ALWAYS_INLINE F e8m0_half_to_float(I e) {
    const I normal = _mm512_slli_epi32(_mm512_sub_epi32(e, set1i(1)), 23);
    const I subnormal = _mm512_sllv_epi32(set1i(0x00200000), e);
    return _mm512_castsi512_ps(_mm512_mask_blend_epi32(_mm512_cmplt_epu32_mask(e, set1i(2)), normal, subnormal));
  }
  static ALWAYS_INLINE void store(float* p, F a) { _mm512_storeu_ps(p, a); }
  static ALWAYS_INLINE I and_(I a, I b) { return _mm512_and_si512(a, b); }
  static ALWAYS_INLINE I or_(I a, I b) { return _mm512_or_si512(a, b); }
  static ALWAYS_INLINE I xor_(I a, I b) { return _mm512_xor_si512(a, b); }
  template <int N>
  static ALWAYS_INLINE I shl(I a) {
    return _mm512_slli_epi32(a, N);
  }
  template <int N>
  static ALWAYS_INLINE I shr(I a) {
    return _mm512_srli_epi32(a, N);
  }
  template <int N>
  static ALWAYS_INLINE I sar(I a) {
    return _mm512_srai_epi32(a, N);
  }
  static ALWAYS_INLINE I lookup(const int8_t table[16], I index) {
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))), index);
  }
  static ALWAYS_INLINE I prepare_signed(I w) { return xor_(w, set1i(static_cast<int32_t>(0x80808080))); }

  static ALWAYS_INLINE int32_t scalar(const void* p) {
    int32_t value;
    memcpy(&value, p, sizeof(value));
    return value;
  }
  // Keeps GCC from turning p + 5 * stride and its like into a register each, of which there are too few.
  static ALWAYS_INLINE const uint8_t* opaque(const uint8_t* p) {
    asm("" : "+r"(p));
    return p;
  }
  // The 16 bytes at p0 to p3 in the four 128-bit parts.
  static ALWAYS_INLINE I load_parts(const uint8_t* p0, const uint8_t* p1, const uint8_t* p2, const uint8_t* p3) {
    const auto part = [](const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); };
    I v = _mm512_castsi128_si512(part(p0));
    v = _mm512_inserti32x4(v, part(p1), 1);
    v = _mm512_inserti32x4(v, part(p2), 2);
    return _mm512_inserti32x4(v, part(p3), 3);
  }
  static ALWAYS_INLINE void load16(const uint8_t* p, size_t stride, I out[4]) {
    const uint8_t* p4 = opaque(p + 4 * stride);
    const uint8_t* p8 = opaque(p4 + 4 * stride);
    const uint8_t* p12 = opaque(p8 + 4 * stride);
    const auto rows = [&](size_t j) {
      return load_parts(p + j * stride, p4 + j * stride, p8 + j * stride, p12 + j * stride);
    };
    const I a = rows(0), b = rows(1), c = rows(2), d = rows(3);
    const I ab0 = _mm512_unpacklo_epi32(a, b), ab1 = _mm512_unpackhi_epi32(a, b);
    const I cd0 = _mm512_unpacklo_epi32(c, d), cd1 = _mm512_unpackhi_epi32(c, d);
    out[0] = _mm512_unpacklo_epi64(ab0, cd0);
    out[1] = _mm512_unpackhi_epi64(ab0, cd0);
    out[2] = _mm512_unpacklo_epi64(ab1, cd1);
    out[3] = _mm512_unpackhi_epi64(ab1, cd1);
  }
  // Row r's four bytes at p in lane r.
  static ALWAYS_INLINE I load_u32(const uint8_t* p, size_t stride) {
    if constexpr (kFastGather) {
      const I lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
      return _mm512_i32gather_epi32(_mm512_mullo_epi32(lane, set1i(static_cast<int32_t>(stride))), p, 1);
    }
    const auto four_rows = [&](const uint8_t* q) {
      return _mm_set_epi32(scalar(q + 3 * stride), scalar(q + 2 * stride), scalar(q + stride), scalar(q));
    };
    const uint8_t* p4 = opaque(p + 4 * stride);
    const uint8_t* p8 = opaque(p4 + 4 * stride);
    const uint8_t* p12 = opaque(p8 + 4 * stride);
    I v = _mm512_castsi128_si512(four_rows(p));
    v = _mm512_inserti32x4(v, four_rows(p4), 1);
    v = _mm512_inserti32x4(v, four_rows(p8), 2);
    return _mm512_inserti32x4(v, four_rows(p12), 3);
  }
  static ALWAYS_INLINE I load_u16(const uint8_t* p, size_t stride) { return and_(load_u32(p, stride), set1i(0xffff)); }
  static ALWAYS_INLINE I load_u8(const uint8_t* p, size_t stride) { return and_(load_u32(p, stride), set1i(0xff)); }

  // The tokens take turns at every register of weights, so that chains that wait for their own sums do not fill the
  // processor's window. Measured (Q4_0, 64 tokens): from 42 to 60 MAC per cycle.
  template <bool Signed, int MaxQ, int Registers, int N, class Offset>
  static ALWAYS_INLINE void dots(I sum[N], const Offset& offset, const I* w, const int8_t* const a[N]) {
    for (int t = 0; t < N; ++t) sum[t] = offset(t);
    for (int i = 0; i < Registers; ++i) {
      for (int t = 0; t < N; ++t) sum[t] = _mm512_dpbusd_epi32(sum[t], w[i], set1i(scalar(a[t] + 4 * i)));
    }
  }

  static ALWAYS_INLINE V zero16() { return _mm512_setzero_ps(); }
  static ALWAYS_INLINE V set16(float x) { return _mm512_set1_ps(x); }
  static ALWAYS_INLINE V load16f(const float* p) { return _mm512_loadu_ps(p); }
  static ALWAYS_INLINE V load16h(const uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static ALWAYS_INLINE V load16b(const uint16_t* p) {
    const I wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
  }
  static ALWAYS_INLINE void store16(float* p, V a) { _mm512_storeu_ps(p, a); }
  static ALWAYS_INLINE V fma16(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
  static ALWAYS_INLINE V mul16(V a, V b) { return _mm512_mul_ps(a, b); }
  static ALWAYS_INLINE V add16(V a, V b) { return _mm512_add_ps(a, b); }
  static ALWAYS_INLINE V sub16(V a, V b) { return _mm512_sub_ps(a, b); }
  static ALWAYS_INLINE V div16(V a, V b) { return _mm512_div_ps(a, b); }
  static ALWAYS_INLINE V min16(V a, V b) { return _mm512_min_ps(a, b); }
  static ALWAYS_INLINE V max16(V a, V b) { return _mm512_max_ps(a, b); }
  static ALWAYS_INLINE V round16(V a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static ALWAYS_INLINE V scale_by_power(V p, V n) {
    const I exponent = _mm512_slli_epi32(_mm512_cvtps_epi32(n), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), exponent));
  }
  static ALWAYS_INLINE V zero_below(V a, V x, float bound) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, set16(bound), _CMP_NLT_UQ), a);
  }
  static ALWAYS_INLINE float sum16(V a) {
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    const __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    const __m128 pair = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
    return _mm_cvtss_f32(_mm_add_ss(pair, _mm_shuffle_ps(pair, pair, 1)));
  }
  static ALWAYS_INLINE float highest16(V a) { return _mm512_reduce_max_ps(a); }
  static ALWAYS_INLINE float max_magnitude(V a, V b) {
    return _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b)));
  }
  static ALWAYS_INLINE int32_t round_to_int8(V a, int8_t* out) {
    const I q = _mm512_cvtps_epi32(a);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_cvtepi32_epi8(q));
    return _mm512_reduce_add_epi32(q);
  }
};
