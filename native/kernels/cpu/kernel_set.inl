// Assembles the table of one instruction set from the pieces included before.

static void matmul(const MatmulArgs& args) {
  switch (args.weights.type) {
    case DType::kF32: return matmul_float<DType::kF32>(args);
    case DType::kF16: return matmul_float<DType::kF16>(args);
    case DType::kBF16: return matmul_float<DType::kBF16>(args);
    case DType::kQ4_0: return matmul_quantized<BlockQ4_0>(args);
    case DType::kQ4_1: return matmul_quantized<BlockQ4_1>(args);
    case DType::kQ5_0: return matmul_quantized<BlockQ5_0>(args);
    case DType::kQ5_1: return matmul_quantized<BlockQ5_1>(args);
    case DType::kQ8_0: return matmul_quantized<BlockQ8_0>(args);
    case DType::kQ2_K: return matmul_quantized<BlockQ2_K>(args);
    case DType::kQ3_K: return matmul_quantized<BlockQ3_K>(args);
    case DType::kQ4_K: return matmul_quantized<BlockQ4_K>(args);
    case DType::kQ5_K: return matmul_quantized<BlockQ5_K>(args);
    case DType::kQ6_K: return matmul_quantized<BlockQ6_K>(args);
    case DType::kIQ4_NL: return matmul_quantized<BlockIQ4_NL>(args);
    case DType::kIQ4_XS: return matmul_quantized<BlockIQ4_XS>(args);
    case DType::kMXFP4: return matmul_quantized<BlockMXFP4>(args);
  }
}

static constexpr KernelSet make_kernel_set(const char* name) {
  return {name, true, matmul, quantize, rms_norm, silu_multiply, clamped_swiglu, add_scaled, attention};
}
