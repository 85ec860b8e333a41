// Norm, activation functions and the quantisation of activations.

// e^x, relative error below 2e-7: range reduction by ln 2 in two parts (Cody and Waite), a polynomial of degree 6
// (Cephes expf) and an exponent put together in bits. Inputs below -87.3 give 0.
static ALWAYS_INLINE Isa::V exp16(Isa::V x) {
  const Isa::V clamped = Isa::min16(Isa::max16(x, Isa::set16(-87.3F)), Isa::set16(88.3F));
  const Isa::V n = Isa::round16(Isa::mul16(clamped, Isa::set16(1.44269504088896341F)));
  Isa::V r = Isa::fma16(n, Isa::set16(-0.693359375F), clamped);
  r = Isa::fma16(n, Isa::set16(2.12194440e-4F), r);
  Isa::V p = Isa::set16(1.9875691500e-4F);
  p = Isa::fma16(p, r, Isa::set16(1.3981999507e-3F));
  p = Isa::fma16(p, r, Isa::set16(8.3334519073e-3F));
  p = Isa::fma16(p, r, Isa::set16(4.1665795894e-2F));
  p = Isa::fma16(p, r, Isa::set16(1.6666665459e-1F));
  p = Isa::fma16(p, r, Isa::set16(5.0000001201e-1F));
  p = Isa::fma16(p, Isa::mul16(r, r), Isa::add16(r, Isa::set16(1.0F)));
  return Isa::zero_below(Isa::scale_by_power(p, n), x, -87.3F);
}

// 1 / (1 + e^-x)
static ALWAYS_INLINE Isa::V sigmoid16(Isa::V x) {
  const Isa::V one = Isa::set16(1.0F);
  return Isa::div16(one, Isa::add16(one, exp16(Isa::mul16(x, Isa::set16(-1.0F)))));
}

// Runs f on each 16 values of x and y in place of x; the last ones through zero-padded copies.
template <class Function>
static ALWAYS_INLINE void for_each_16(float* x, const float* y, int64_t n, Function&& f) {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) Isa::store16(x + i, f(Isa::load16f(x + i), Isa::load16f(y + i)));
  if (i < n) {
    alignas(64) float result[16];
    Isa::store16(result, f(load_values_tail(x + i, n - i), load_values_tail(y + i, n - i)));
    memcpy(x + i, result, static_cast<size_t>(n - i) * sizeof(float));
  }
}

static void silu_multiply(float* gate, const float* up, int64_t n) {
  for_each_16(gate, up, n, [](Isa::V g, Isa::V u) { return Isa::mul16(Isa::mul16(g, sigmoid16(g)), u); });
}

static void clamped_swiglu(float* gate, const float* up, int64_t n, float alpha, float limit) {
  for_each_16(gate, up, n, [=](Isa::V g, Isa::V u) {
    const Isa::V high = Isa::set16(limit);
    const Isa::V gated = Isa::min16(g, high);
    const Isa::V linear = Isa::max16(Isa::min16(u, high), Isa::set16(-limit));
    const Isa::V activated = Isa::mul16(gated, sigmoid16(Isa::mul16(gated, Isa::set16(alpha))));
    return Isa::mul16(activated, Isa::add16(linear, Isa::set16(1.0F)));
  });
}

static void add_scaled(float* y, const float* x, float scale, int64_t n) {
  const Isa::V s = Isa::set16(scale);
  for_each_16(y, x, n, [=](Isa::V a, Isa::V b) { return Isa::fma16(b, s, a); });
}

static void rms_norm(const float* x, const float* weight, float epsilon, int64_t n, float* y) {
  Isa::V squares = Isa::zero16();
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const Isa::V v = Isa::load16f(x + i);
    squares = Isa::fma16(v, v, squares);
  }
  if (i < n) {
    const Isa::V v = load_values_tail(x + i, n - i);
    squares = Isa::fma16(v, v, squares);
  }
  const float scale = 1.0F / sqrtf(Isa::sum16(squares) / static_cast<float>(n) + epsilon);
  const Isa::V s = Isa::set16(scale);
  for (i = 0; i + 16 <= n; i += 16) {
    Isa::store16(y + i, Isa::mul16(Isa::mul16(Isa::load16f(x + i), s), Isa::load16f(weight + i)));
  }
  for (; i < n; ++i) y[i] = x[i] * scale * weight[i];
}

static void quantize(const float* x, int64_t first, int64_t count, int64_t cols, uint8_t* row) {
  const QuantizedRowLayout layout(cols);
  for (int64_t c = first / 32; c < (first + count) / 32; ++c, x += 32) {
    const Isa::V a = Isa::load16f(x);
    const Isa::V b = Isa::load16f(x + 16);
    const float largest = Isa::max_magnitude(a, b);
    const float scale = largest / 127.0F;
    // Up to 2^-121 the reciprocal would be infinite: such a block is as good as zero.
    const float inverse = largest > 0x1p-121F ? 127.0F / largest : 0.0F;
    // Within +-127 even where x is no number (a damaged file): integer sums must not overflow.
    const auto steps = [&](Isa::V v) ALWAYS_INLINE_LAMBDA {
      return Isa::max16(Isa::min16(Isa::mul16(v, Isa::set16(inverse)), Isa::set16(127.0F)), Isa::set16(-127.0F));
    };
    int32_t sum[2];
    int8_t* q = reinterpret_cast<int8_t*>(row + 32 * c);
    sum[0] = Isa::round_to_int8(steps(a), q);
    sum[1] = Isa::round_to_int8(steps(b), q + 16);
    reinterpret_cast<float*>(row + layout.scale)[c] = scale;
    reinterpret_cast<int32_t*>(row + layout.negative_sum)[c] = -(sum[0] + sum[1]);
    reinterpret_cast<float*>(row + layout.scaled_sum)[c] = scale * static_cast<float>(sum[0] + sum[1]);
    for (int half = 0; half < 2; ++half) {
      reinterpret_cast<int32_t*>(row + layout.negative_sum16)[2 * c + half] = -sum[half];
      reinterpret_cast<float*>(row + layout.scaled_sum16)[2 * c + half] = scale * static_cast<float>(sum[half]);
    }
  }
}
