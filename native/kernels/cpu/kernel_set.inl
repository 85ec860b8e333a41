// Assembles the table of one instruction set from the pieces included before.

static void matmul(const MatmulArgs& args) {
  switch (args.weights.type) {
    case DType::kF32: return matmul_float<DType::kF32>(args);
    case DType::kF16: return matmul_float<DType::kF16>(args);
    case DType::kBF16: return matmul_float<DType::kBF16>(args);
    default: return with_block(args.weights.type, [&](auto block) { matmul_quantized<decltype(block)>(args); });
  }
}

static constexpr KernelSet make_kernel_set(const char* name) {
  return {name, true, matmul, quantize, rms_norm, silu_multiply, clamped_swiglu, add_scaled, attention};
}
