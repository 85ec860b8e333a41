#include "gguf/tensor_table.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <unordered_set>

#include "base/error.h"

namespace moeflow::gguf {
namespace {

// Everything is signed 64-bit somewhere (off_t, ggml's own counters), so nothing may reach 2^63.
constexpr uint64_t kLargest = std::numeric_limits<int64_t>::max();

std::optional<uint64_t> multiply(uint64_t a, uint64_t b) {
  if (b != 0 && a > kLargest / b) return std::nullopt;
  return a * b;
}

void read_dims(ByteReader& reader, Tensor& tensor) {
  tensor.n_dims = reader.number<uint32_t>();
  if (tensor.n_dims == 0 || tensor.n_dims > tensor.dims.size()) {
    reader.fail_here(concat(tensor.n_dims, " dimensions (must be 1 to ", tensor.dims.size(), ")"));
  }
  for (uint32_t i = 0; i < tensor.n_dims; ++i) tensor.dims[i] = reader.number<uint64_t>();
  std::optional<uint64_t> values = 1;
  for (const uint64_t dim : tensor.dims) {
    if (dim == 0) reader.fail_here(concat("a dimension is 0: ", shape_text(tensor)));
    if (values) values = multiply(*values, dim);
  }
  if (!values) reader.fail_here(concat("dimensions overflow: ", shape_text(tensor)));
}

void read_type(ByteReader& reader, Tensor& tensor) {
  const auto number = reader.number<uint32_t>();
  const DTypeTraits* type = dtype_traits(number);
  if (!type) reader.fail_unsupported(concat("type ", number, " (", unsupported_dtype_reason(number), ")"));
  tensor.type = static_cast<DType>(number);
  if (tensor.dims[0] % type->block_values != 0) {
    reader.fail_here(
        concat("row of ", tensor.dims[0], " values is not a multiple of ", type->name, "'s ", type->block_values));
  }
  std::optional<uint64_t> bytes = multiply(tensor.dims[0] / type->block_values, type->block_bytes);
  if (bytes) bytes = multiply(*bytes, tensor.rows());
  if (!bytes) reader.fail_here(concat("dimensions overflow: ", shape_text(tensor), " of ", type->name));
  tensor.bytes = *bytes;
}

uint64_t end_of(const Tensor& tensor) { return tensor.offset + tensor.bytes; }

void check_inside_file(const std::vector<Tensor>& tensors, uint64_t file_bytes, const std::string& file_name) {
  const Tensor* first_beyond = nullptr;
  uint64_t needed = 0;
  for (const Tensor& tensor : tensors) {
    if (!first_beyond && end_of(tensor) > file_bytes) first_beyond = &tensor;
    needed = std::max(needed, end_of(tensor));
  }
  if (!first_beyond) return;
  fail(ErrorCode::kInvalidFile, file_name, ": truncated or damaged: tensor ", printable(first_beyond->name),
       ": data lies beyond the end of the file: has ", file_bytes, " bytes, needs ", needed);
}

void check_no_overlap(const std::vector<Tensor>& tensors, const std::string& file_name) {
  std::vector<const Tensor*> by_offset;
  for (const Tensor& tensor : tensors) by_offset.push_back(&tensor);
  std::sort(by_offset.begin(), by_offset.end(), [](const Tensor* a, const Tensor* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < by_offset.size(); ++i) {
    const Tensor& before = *by_offset[i - 1];
    const Tensor& after = *by_offset[i];
    if (end_of(before) <= after.offset) continue;
    fail(ErrorCode::kInvalidFile, file_name, ": tensor ", printable(before.name), " overlaps tensor ",
         printable(after.name), ": bytes ", before.offset, " to ", end_of(before), ", and from ", after.offset);
  }
}

}  // namespace

std::vector<Tensor> read_tensor_table(ByteReader& reader, uint64_t count) {
  std::vector<Tensor> tensors;
  std::unordered_set<std::string> names;
  for (uint64_t i = 0; i < count; ++i) {
    reader.enter(concat("tensor ", i + 1, " of ", count));
    Tensor tensor;
    tensor.name = reader.string();
    reader.enter("tensor " + printable(tensor.name));
    if (!names.insert(tensor.name).second) reader.fail_here("appears twice");
    read_dims(reader, tensor);
    read_type(reader, tensor);
    tensor.offset = reader.number<uint64_t>();
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

void place_tensors(Header& header, uint64_t file_bytes, const std::string& file_name) {
  for (Tensor& tensor : header.tensors) {
    if (tensor.offset % header.alignment != 0) {
      fail(ErrorCode::kInvalidFile, file_name, ": tensor ", printable(tensor.name), ": offset ", tensor.offset,
           " is not a multiple of the alignment ", header.alignment);
    }
    if (tensor.offset > kLargest - header.data_offset || tensor.bytes > kLargest - header.data_offset - tensor.offset) {
      fail(ErrorCode::kInvalidFile, file_name, ": tensor ", printable(tensor.name), ": offset ", tensor.offset,
           " + size ", tensor.bytes, " overflows");
    }
    tensor.offset += header.data_offset;
  }
  check_inside_file(header.tensors, file_bytes, file_name);
  check_no_overlap(header.tensors, file_name);
}

}  // namespace moeflow::gguf
