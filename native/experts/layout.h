// Where each expert's bytes lie in the model's files, for every layout that GGUF has had: stacks of all experts of a
// layer (`ffn_gate_exps`), gate and up merged in one stack (`ffn_gate_up_exps`, gate rows first), and, from before
// spring 2024, one tensor per expert (`ffn_gate.7`).
#pragma once

#include <array>
#include <vector>

#include "experts/expert.h"
#include "gguf/model_files.h"

namespace moeflow {

// A run of bytes in one of the model's files that holds a matrix.
struct MatrixRange {
  uint32_t file = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  DType type = DType::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
};

enum ExpertPart { kGate, kUp, kDown, kExpertParts };

struct ExpertRanges {
  std::array<MatrixRange, kExpertParts> part;
  uint64_t bytes() const { return part[kGate].bytes + part[kUp].bytes + part[kDown].bytes; }
};

struct ExpertShape {
  int layers = 0;         // blocks of the model
  int leading_dense = 0;  // the first blocks, which have no experts
  int experts = 0;
  int width = 0;
  int expert_width = 0;
};

// [layer][expert]; empty for layers without experts.
using ExpertLayout = std::vector<std::vector<ExpertRanges>>;

// The expert's matrices, whose bytes lie at these addresses.
ExpertWeights matrices_at(const ExpertRanges& ranges, const std::array<const uint8_t*, kExpertParts>& address);

// Finds and checks every expert tensor. Throws Error(kInvalidFile) naming the file, the tensor, what was found and what
// was expected.
ExpertLayout find_experts(const gguf::ModelFiles& files, const ExpertShape& shape);

// The tensor `name`, which must have exactly this shape (trailing 1s may be left out). Throws Error(kInvalidFile).
const gguf::Tensor& require_tensor(const gguf::ModelFiles& files, const std::string& name,
                                   std::initializer_list<int64_t> shape);
// The same, nullptr when there is no such tensor.
const gguf::Tensor* find_tensor(const gguf::ModelFiles& files, const std::string& name,
                                std::initializer_list<int64_t> shape);

}  // namespace moeflow
