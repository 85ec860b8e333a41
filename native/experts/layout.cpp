#include "experts/layout.h"

#include <algorithm>

#include "base/error.h"

namespace moeflow {
namespace {

std::string shape_text(std::initializer_list<int64_t> shape) {
  std::string text = "[";
  for (const int64_t n : shape) text += concat(text.size() > 1 ? ", " : "", n);
  return text + "]";
}

bool has_shape(const gguf::Tensor& tensor, std::initializer_list<int64_t> shape) {
  size_t i = 0;
  for (const int64_t n : shape) {
    if (i >= 4 || tensor.dims[i++] != static_cast<uint64_t>(n)) return false;
  }
  for (; i < 4; ++i) {
    if (tensor.dims[i] != 1) return false;
  }
  return true;
}

// A stack whose only fault is its number of experts is named by that: the most telling difference.
void check_expert_count(const gguf::ModelFiles& files, const gguf::Tensor& tensor, int experts) {
  if (tensor.dims[2] != static_cast<uint64_t>(experts)) {
    fail(ErrorCode::kInvalidFile, files.paths[tensor.file], ": tensor ", tensor.name, " has ", tensor.dims[2],
         " experts, expected ", experts);
  }
}

MatrixRange slice(const gguf::Tensor& tensor, int64_t first_row, int64_t rows) {
  const size_t row = row_bytes(tensor.type, tensor.dims[0]);
  return {tensor.file,
          tensor.offset + static_cast<uint64_t>(first_row) * row,
          static_cast<uint64_t>(rows) * row,
          tensor.type,
          rows,
          static_cast<int64_t>(tensor.dims[0])};
}

class LayerFinder {
 public:
  LayerFinder(const gguf::ModelFiles& files, const ExpertShape& shape, int layer)
      : files_(files), shape_(shape), prefix_(concat("blk.", layer, ".ffn_")) {}

  std::vector<ExpertRanges> find() const {
    std::vector<ExpertRanges> experts(static_cast<size_t>(shape_.experts));
    if (const gguf::Tensor* merged = files_.find(prefix_ + "gate_up_exps.weight")) {
      check_expert_count(files_, *merged, shape_.experts);
      find_tensor(files_, merged->name, {shape_.width, 2 * shape_.expert_width, shape_.experts});
      for (int e = 0; e < shape_.experts; ++e) {
        const int64_t first = int64_t{2} * shape_.expert_width * e;
        experts[static_cast<size_t>(e)].part[kGate] = slice(*merged, first, shape_.expert_width);
        experts[static_cast<size_t>(e)].part[kUp] = slice(*merged, first + shape_.expert_width, shape_.expert_width);
      }
    } else {
      find_part("gate", kGate, shape_.width, shape_.expert_width, experts);
      find_part("up", kUp, shape_.width, shape_.expert_width, experts);
    }
    find_part("down", kDown, shape_.expert_width, shape_.width, experts);
    return experts;
  }

 private:
  void find_part(const char* name, ExpertPart part, int64_t cols, int64_t rows,
                 std::vector<ExpertRanges>& experts) const {
    const std::string stack_name = concat(prefix_, name, "_exps.weight");
    const gguf::Tensor* stack = files_.find(stack_name);
    const bool per_expert = !stack && files_.find(concat(prefix_, name, ".0.weight"));
    if (stack) check_expert_count(files_, *stack, shape_.experts);
    if (!per_expert) stack = &require_tensor(files_, stack_name, {cols, rows, shape_.experts});
    for (int e = 0; e < shape_.experts; ++e) {
      MatrixRange& range = experts[static_cast<size_t>(e)].part[part];
      if (per_expert) {
        range = slice(require_tensor(files_, concat(prefix_, name, ".", e, ".weight"), {cols, rows}), 0, rows);
      } else {
        range = slice(*stack, e * rows, rows);
      }
    }
  }

  const gguf::ModelFiles& files_;
  const ExpertShape& shape_;
  std::string prefix_;
};

}  // namespace

const gguf::Tensor* find_tensor(const gguf::ModelFiles& files, const std::string& name,
                                std::initializer_list<int64_t> shape) {
  const gguf::Tensor* tensor = files.find(name);
  if (tensor && !has_shape(*tensor, shape)) {
    fail(ErrorCode::kInvalidFile, files.paths[tensor->file], ": tensor ", name, ": shape ", gguf::shape_text(*tensor),
         ", expected ", shape_text(shape));
  }
  return tensor;
}

const gguf::Tensor& require_tensor(const gguf::ModelFiles& files, const std::string& name,
                                   std::initializer_list<int64_t> shape) {
  const gguf::Tensor* tensor = find_tensor(files, name, shape);
  if (!tensor) fail(ErrorCode::kInvalidFile, files.paths.front(), ": missing tensor ", name);
  return *tensor;
}

ExpertWeights matrices_at(const ExpertRanges& ranges, const std::array<const uint8_t*, kExpertParts>& address) {
  const auto matrix = [&](ExpertPart part) {
    const MatrixRange& range = ranges.part[part];
    return Matrix{address[part], range.type, range.rows, range.cols,
                  row_bytes(range.type, static_cast<size_t>(range.cols))};
  };
  return {matrix(kGate), matrix(kUp), matrix(kDown)};
}

ExpertLayout find_experts(const gguf::ModelFiles& files, const ExpertShape& shape) {
  ExpertLayout layout(static_cast<size_t>(shape.layers));
  for (int layer = shape.leading_dense; layer < shape.layers; ++layer) {
    layout[static_cast<size_t>(layer)] = LayerFinder(files, shape, layer).find();
  }
  return layout;
}

}  // namespace moeflow
