// Primitives of AVX2, FMA and F16C. A panel is one register of 8 rows; the 16 virtual lanes are two registers.
struct Isa {
  using F = __m256;
  using I = __m256i;
  struct V {
    __m256 low, high;
  };
  static constexpr int kRows = 8;
  static constexpr int kDirectTokens = 3;
  static constexpr int kDecodedTokens = 4;
  static constexpr int kSignedOffsetShift = 0;
  static constexpr int kFloatRows = 2, kFloatTokens = 2;
  static constexpr int kAttentionRegisters = 4;

  static ALWAYS_INLINE F zero() { return _mm256_setzero_ps(); }
  static ALWAYS_INLINE I zeroi() { return _mm256_setzero_si256(); }
  static ALWAYS_INLINE F set1(float x) { return _mm256_set1_ps(x); }
  static ALWAYS_INLINE I set1i(int32_t x) { return _mm256_set1_epi32(x); }
  static ALWAYS_INLINE F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static ALWAYS_INLINE F add(F a, F b) { return _mm256_add_ps(a, b); }
  static ALWAYS_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  static ALWAYS_INLINE F to_float(I a) { return _mm256_cvtepi32_ps(a); }
  static ALWAYS_INLINE F half_to_float(I a) {
    const I packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, a), 0xd8);
    return _mm256_cvtph_ps(_mm256_castsi256_si128(packed));
  }
  static ALWAYS_INLINE F e8m0_half_to_float(I e) {
    const I normal = _mm256_slli_epi32(_mm256_sub_epi32(e, set1i(1)), 23);
    const I subnormal = _mm256_sllv_epi32(set1i(0x00200000), e);
    return _mm256_castsi256_ps(_mm256_blendv_epi8(normal, subnormal, _mm256_cmpgt_epi32(set1i(2), e)));
  }
  static ALWAYS_INLINE void store(float* p, F a) { _mm256_storeu_ps(p, a); }
  static ALWAYS_INLINE I and_(I a, I b) { return _mm256_and_si256(a, b); }
  static ALWAYS_INLINE I or_(I a, I b) { return _mm256_or_si256(a, b); }
  static ALWAYS_INLINE I xor_(I a, I b) { return _mm256_xor_si256(a, b); }
  template <int N>
  static ALWAYS_INLINE I shl(I a) {
    return _mm256_slli_epi32(a, N);
  }
  template <int N>
  static ALWAYS_INLINE I shr(I a) {
    return _mm256_srli_epi32(a, N);
  }
  template <int N>
  static ALWAYS_INLINE I sar(I a) {
    return _mm256_srai_epi32(a, N);
  }
  static ALWAYS_INLINE I lookup(const int8_t table[16], I index) {
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))), index);
  }
  static ALWAYS_INLINE I prepare_signed(I w) { return w; }

  // Rows j and 4 + j of the panel in the two 128-bit halves.
  static ALWAYS_INLINE I load_rows(const uint8_t* p, size_t stride) {
    const auto row = [&](size_t k) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 4 * k * stride)); };
    return _mm256_inserti128_si256(_mm256_castsi128_si256(row(0)), row(1), 1);
  }
  static ALWAYS_INLINE void load16(const uint8_t* p, size_t stride, I out[4]) {
    const I a = load_rows(p, stride), b = load_rows(p + stride, stride);
    const I c = load_rows(p + 2 * stride, stride), d = load_rows(p + 3 * stride, stride);
    const I ab0 = _mm256_unpacklo_epi32(a, b), ab1 = _mm256_unpackhi_epi32(a, b);
    const I cd0 = _mm256_unpacklo_epi32(c, d), cd1 = _mm256_unpackhi_epi32(c, d);
    out[0] = _mm256_unpacklo_epi64(ab0, cd0);
    out[1] = _mm256_unpackhi_epi64(ab0, cd0);
    out[2] = _mm256_unpacklo_epi64(ab1, cd1);
    out[3] = _mm256_unpackhi_epi64(ab1, cd1);
  }
  static ALWAYS_INLINE int32_t scalar(const uint8_t* p) {
    int32_t value;
    memcpy(&value, p, sizeof(value));
    return value;
  }
  static ALWAYS_INLINE I load_u32(const uint8_t* p, size_t stride) {
    return _mm256_set_epi32(scalar(p + 7 * stride), scalar(p + 6 * stride), scalar(p + 5 * stride), scalar(p + 4 * stride),
                            scalar(p + 3 * stride), scalar(p + 2 * stride), scalar(p + stride), scalar(p));
  }
  static ALWAYS_INLINE I load_u16(const uint8_t* p, size_t stride) { return and_(load_u32(p, stride), set1i(0xffff)); }
  static ALWAYS_INLINE I load_u8(const uint8_t* p, size_t stride) { return and_(load_u32(p, stride), set1i(0xff)); }

  // Products of bytes are added in pairs to 16 bits. kFused of those sums fit in 16 bits before they must widen. A register
  // of weights serves all tokens before the next one: two loads a cycle are what bounds this.
  template <bool Signed, int MaxQ, int Registers, int N, class Offset>
  static ALWAYS_INLINE void dots(I sum[N], const Offset& offset, const I* w, const int8_t* const a[N]) {
    constexpr int kFused = Signed ? 1 : (32767 / (MaxQ * 254) < Registers ? 32767 / (MaxQ * 254) : Registers);
    constexpr int kStep = kFused >= 8 ? 8 : kFused >= 4 ? 4 : kFused >= 2 ? 2 : 1;
    for (int i = 0; i < Registers; i += kStep) {
      I pairs[N];
      for (int k = i; k < i + kStep; ++k) {
        for (int t = 0; t < N; ++t) {
          const I products = pair_products<Signed>(w[k], set1i(scalar(reinterpret_cast<const uint8_t*>(a[t]) + 4 * k)));
          pairs[t] = k == i ? products : _mm256_add_epi16(pairs[t], products);
          asm("" : "+x"(pairs[t]));  // a chain, not the tree of sums that the compiler would make, with all products alive
        }
      }
      for (int t = 0; t < N; ++t) {
        sum[t] = _mm256_add_epi32(i == 0 ? offset(t) : sum[t], _mm256_madd_epi16(pairs[t], _mm256_set1_epi16(1)));
      }
    }
  }
  template <bool Signed>
  static ALWAYS_INLINE I pair_products(I w, I a) {
    // |w| * (a with the sign of w) keeps the left factor unsigned; 128 * 127 * 2 still fits in 16 bits.
    if constexpr (Signed) return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w));
    return _mm256_maddubs_epi16(w, a);
  }

  static ALWAYS_INLINE V zero16() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static ALWAYS_INLINE V set16(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static ALWAYS_INLINE V load16f(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static ALWAYS_INLINE V load16h(const uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
  }
  static ALWAYS_INLINE __m256 load8b(const uint16_t* p) {
    const I wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
  }
  static ALWAYS_INLINE V load16b(const uint16_t* p) { return {load8b(p), load8b(p + 8)}; }
  static ALWAYS_INLINE void store16(float* p, V a) {
    _mm256_storeu_ps(p, a.low);
    _mm256_storeu_ps(p + 8, a.high);
  }
  static ALWAYS_INLINE V fma16(V a, V b, V c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
  }
  static ALWAYS_INLINE V mul16(V a, V b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
  static ALWAYS_INLINE V add16(V a, V b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
  static ALWAYS_INLINE V sub16(V a, V b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
  static ALWAYS_INLINE V div16(V a, V b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
  static ALWAYS_INLINE V min16(V a, V b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
  static ALWAYS_INLINE V max16(V a, V b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
  static ALWAYS_INLINE V round16(V a) {
    return {_mm256_round_ps(a.low, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
            _mm256_round_ps(a.high, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
  }
  static ALWAYS_INLINE __m256 scale8(__m256 p, __m256 n) {
    const I exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), exponent));
  }
  static ALWAYS_INLINE V scale_by_power(V p, V n) { return {scale8(p.low, n.low), scale8(p.high, n.high)}; }
  static ALWAYS_INLINE V zero_below(V a, V x, float bound) {
    const __m256 b = _mm256_set1_ps(bound);
    return {_mm256_and_ps(a.low, _mm256_cmp_ps(x.low, b, _CMP_NLT_UQ)),
            _mm256_and_ps(a.high, _mm256_cmp_ps(x.high, b, _CMP_NLT_UQ))};
  }
  static ALWAYS_INLINE float sum16(V a) {
    const __m256 half = _mm256_add_ps(a.low, a.high);
    const __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    const __m128 pair = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
    return _mm_cvtss_f32(_mm_add_ss(pair, _mm_shuffle_ps(pair, pair, 1)));
  }
  static ALWAYS_INLINE float highest8(__m256 a) {
    const __m128 quarter = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    const __m128 pair = _mm_max_ps(quarter, _mm_movehl_ps(quarter, quarter));
    return _mm_cvtss_f32(_mm_max_ss(pair, _mm_shuffle_ps(pair, pair, 1)));
  }
  static ALWAYS_INLINE float highest16(V a) { return highest8(_mm256_max_ps(a.low, a.high)); }
  static ALWAYS_INLINE float max_magnitude(V a, V b) {
    const __m256 sign = _mm256_set1_ps(-0.0F);
    const __m256 x = _mm256_max_ps(_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high));
    const __m256 y = _mm256_max_ps(_mm256_andnot_ps(sign, b.low), _mm256_andnot_ps(sign, b.high));
    return highest8(_mm256_max_ps(x, y));
  }
  static ALWAYS_INLINE int32_t round_to_int8(V a, int8_t* out) {
    const I low = _mm256_cvtps_epi32(a.low), high = _mm256_cvtps_epi32(a.high);
    const I words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
    const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
    const I sums = _mm256_add_epi32(low, high);
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
  }
};
