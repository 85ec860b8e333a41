#include "kernels/problem.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/memory.h"

namespace moeflow {
namespace {

// Bytes of which every two are a finite half, so that no block decodes to infinity, whatever its layout.
AlignedBuffer random_blocks(size_t bytes) {
  AlignedBuffer buffer(bytes, "benchmark weights");
  std::mt19937_64 random(1);
  auto* words = buffer.as<uint64_t>();
  for (size_t i = 0; i < buffer.size() / sizeof(uint64_t); ++i)
    words[i] = (random() & 0x3b3b3b3b3b3b3b3bU) | 0x2020202020202020U;
  return buffer;
}

AlignedBuffer random_values(int64_t count) {
  AlignedBuffer buffer(static_cast<size_t>(count) * sizeof(float), "benchmark values");
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < count; ++i) buffer.as<float>()[i] = normal(random);
  return buffer;
}

class MatmulProblem final : public KernelProblem {
 public:
  MatmulProblem(const KernelSet& kernels, DType type, int64_t rows, int64_t cols, int64_t tokens, int64_t matrices)
      : kernels_(kernels), matrices_(matrices) {
    const size_t stride = row_bytes(type, static_cast<size_t>(cols));
    const size_t quantized_stride = QuantizedRowLayout(cols).bytes;
    bytes = stride * static_cast<size_t>(rows);
    multiplications = static_cast<size_t>(rows * cols * tokens);
    weights_ = random_blocks(checked_multiply(bytes, static_cast<uint64_t>(matrices), "matrices"));
    values_ = random_values(tokens * cols);
    quantized_ = AlignedBuffer(static_cast<size_t>(tokens) * quantized_stride, "benchmark activations");
    results_ = AlignedBuffer(static_cast<size_t>(tokens * rows) * sizeof(float), "benchmark results");
    scratch_ = AlignedBuffer(matmul_scratch_bytes(cols), "benchmark scratch");
    const bool quantizes = kernels_.quantizes_activations && !is_float(type);
    for (int64_t t = 0; t < tokens && quantizes; ++t) {
      kernels_.quantize(values_.as<float>() + t * cols, 0, cols, cols,
                        quantized_.bytes() + static_cast<size_t>(t) * quantized_stride);
    }
    args_.weights = {weights_.bytes(), type, rows, cols, stride};
    args_.row_end = rows;
    args_.activations = {values_.as<float>(), static_cast<size_t>(cols), quantized_.bytes(), quantized_stride};
    args_.token_count = tokens;
    args_.y = results_.as<float>();
    args_.y_stride = static_cast<size_t>(rows);
    args_.scratch = scratch_.bytes();
  }

  void run() override {
    MatmulArgs args = args_;
    args.weights.data += static_cast<size_t>(next_) * bytes;
    next_ = (next_ + 1) % matrices_;
    args.next = weights_.bytes() + static_cast<size_t>(next_) * bytes;
    kernels_.matmul(args);
  }

 private:
  const KernelSet& kernels_;
  int64_t matrices_;
  int64_t next_ = 0;
  MatmulArgs args_;
  AlignedBuffer weights_, values_, quantized_, results_, scratch_;
};

class RowProblem final : public KernelProblem {
 public:
  RowProblem(const KernelSet& kernels, std::string_view kernel, int64_t cols) : kernels_(kernels), cols_(cols) {
    x_ = random_values(cols);
    weight_ = random_values(cols);
    y_ = random_values(cols);
    row_ = AlignedBuffer(QuantizedRowLayout(cols).bytes, "benchmark row");
    const auto vector = static_cast<size_t>(cols) * sizeof(float);
    bytes = 3 * vector;
    if (kernel == "quantize") {
      run_ = &RowProblem::quantize;
      bytes = vector + row_.size();
    } else if (kernel == "rms_norm") {
      run_ = &RowProblem::rms_norm;
    } else if (kernel == "silu_multiply") {
      run_ = &RowProblem::silu_multiply;
    } else if (kernel == "clamped_swiglu") {
      run_ = &RowProblem::clamped_swiglu;
    } else if (kernel == "add_scaled") {
      run_ = &RowProblem::add_scaled;
    } else {
      fail(ErrorCode::kInvalidArgument, "kernel ", kernel,
           " is unknown: use matmul, attention, quantize, rms_norm, silu_multiply, clamped_swiglu or add_scaled");
    }
  }

  void run() override { (this->*run_)(); }

 private:
  void quantize() { kernels_.quantize(x_.as<float>(), 0, cols_, cols_, row_.bytes()); }
  void rms_norm() { kernels_.rms_norm(x_.as<float>(), weight_.as<float>(), 1e-5F, cols_, y_.as<float>()); }
  // In place, and again and again that would end in denormals: each run starts from the same values.
  void silu_multiply() {
    renew();
    kernels_.silu_multiply(y_.as<float>(), weight_.as<float>(), cols_);
  }
  void clamped_swiglu() {
    renew();
    kernels_.clamped_swiglu(y_.as<float>(), weight_.as<float>(), cols_, 1.702F, 7.0F);
  }
  void add_scaled() { kernels_.add_scaled(y_.as<float>(), x_.as<float>(), 1e-6F, cols_); }
  void renew() { std::copy_n(x_.as<float>(), cols_, y_.as<float>()); }

  const KernelSet& kernels_;
  int64_t cols_;
  void (RowProblem::*run_)() = nullptr;
  AlignedBuffer x_, weight_, y_, row_;
};

class AttentionProblem final : public KernelProblem {
 public:
  AttentionProblem(const KernelSet& kernels, DType type, int64_t dim, int64_t positions, int64_t queries)
      : kernels_(kernels) {
    const int64_t tiles = (positions + 15) / 16;
    const size_t tile = static_cast<size_t>(16 * dim) * (type == DType::kF16 ? 2 : 4);
    cache_ = random_blocks(2 * tile * static_cast<size_t>(tiles));
    queries_ = random_values(queries * dim);
    outputs_ = AlignedBuffer(static_cast<size_t>(queries * dim) * sizeof(float), "benchmark outputs");
    args_.score_stride = static_cast<size_t>((positions + 63) / 64 * 64);
    scores_ = AlignedBuffer(sizeof(float) * kAttentionQueries * args_.score_stride, "benchmark scores");
    for (size_t t = 0; t < static_cast<size_t>(tiles); ++t) {
      keys_.push_back(cache_.bytes() + t * tile);
      values_.push_back(cache_.bytes() + (static_cast<size_t>(tiles) + t) * tile);
    }
    for (int64_t i = 0; i < queries; ++i) {
      query_.push_back(queries_.as<float>() + i * dim);
      output_.push_back(outputs_.as<float>() + i * dim);
      begin_.push_back(0);
      end_.push_back(static_cast<int32_t>(positions - queries + i + 1));
      multiplications += 2 * static_cast<size_t>(dim) * static_cast<size_t>(end_.back());
    }
    bytes = cache_.size();
    args_.queries = query_.data();
    args_.outputs = output_.data();
    args_.begin = begin_.data();
    args_.end = end_.data();
    args_.query_count = static_cast<int>(queries);
    args_.key_tiles = keys_.data();
    args_.value_tiles = values_.data();
    args_.key_dim = args_.value_dim = static_cast<int>(dim);
    args_.scale = 0.09F;
    args_.half_cache = type == DType::kF16;
    args_.scores = scores_.as<float>();
  }

  void run() override { kernels_.attention(args_); }

 private:
  const KernelSet& kernels_;
  AttentionArgs args_;
  AlignedBuffer cache_, queries_, outputs_, scores_;
  std::vector<const void*> keys_, values_;
  std::vector<const float*> query_;
  std::vector<float*> output_;
  std::vector<int32_t> begin_, end_;
};

}  // namespace

std::unique_ptr<KernelProblem> make_matmul_problem(const KernelSet& kernels, DType type, int64_t rows, int64_t cols,
                                                   int64_t tokens, int64_t matrices) {
  if (cols % traits(type).block_values != 0)
    fail(ErrorCode::kInvalidArgument, "cols must be a multiple of ", traits(type).block_values, " for ",
         traits(type).name);
  return std::make_unique<MatmulProblem>(kernels, type, rows, cols, tokens, matrices);
}

std::unique_ptr<KernelProblem> make_row_problem(const KernelSet& kernels, const char* kernel, int64_t cols) {
  if (cols % 32 != 0) fail(ErrorCode::kInvalidArgument, "cols must be a multiple of 32");
  return std::make_unique<RowProblem>(kernels, kernel, cols);
}

std::unique_ptr<KernelProblem> make_attention_problem(const KernelSet& kernels, DType type, int64_t dim,
                                                      int64_t positions, int64_t queries) {
  if (type != DType::kF16 && type != DType::kF32)
    fail(ErrorCode::kInvalidArgument, "a cache of type ", traits(type).name, " is unknown: use F16 or F32");
  if (dim % 16 != 0) fail(ErrorCode::kInvalidArgument, "cols must be a multiple of 16 for attention");
  if (queries > positions) fail(ErrorCode::kInvalidArgument, "there are more tokens than positions");
  return std::make_unique<AttentionProblem>(kernels, type, dim, positions, queries);
}

}  // namespace moeflow
