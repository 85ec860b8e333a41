#include "gguf/model_files.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "gguf/file.h"
#include "gguf/model_path.h"

namespace moeflow::gguf {
namespace {

constexpr const char* kSplitNumber = "split.no";  // from 0
constexpr const char* kSplitCount = "split.count";
constexpr const char* kSplitTensors = "split.tensors.count";  // of all shards together
constexpr const char* kArchitecture = "general.architecture";

constexpr uint64_t kFirstReadBytes = uint64_t{1} << 20;

struct Shard {
  std::string path;
  uint64_t bytes = 0;
  Header header;
};

// A header's length is not known beforehand, so the file's start is read in growing pieces.
Shard read_shard(const std::string& path) {
  const File file(path);
  std::vector<std::byte> start;
  for (uint64_t wanted = kFirstReadBytes;; wanted *= 2) {
    const size_t had = start.size();
    start.resize(std::min(wanted, file.bytes()));
    file.read_at(had, std::span(start).subspan(had));
    if (auto header = parse_header(start, file.bytes(), path)) return {path, file.bytes(), std::move(*header)};
    MOEFLOW_CHECK(start.size() < file.bytes());
  }
}

uint32_t split_count(const Shard& shard) { return shard.header.metadata.uint32(kSplitCount); }
uint32_t split_number(const Shard& shard) { return shard.header.metadata.uint32(kSplitNumber); }

void check_single(const Shard& shard) {
  const uint32_t count = shard.header.metadata.find_uint32(kSplitCount).value_or(1);
  if (count <= 1) return;
  fail(ErrorCode::kInvalidArgument, shard.path, " is one of ", count, " shards (", kSplitCount,
       "), and its name does not tell the others: pass the paths of all of them");
}

// Shards found by name stand in the order of their names, which must be that of their keys.
void check_named(const std::vector<Shard>& shards) {
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string shard = concat(shards[i].path, ": shard ", i + 1);
    if (split_count(shards[i]) != shards.size()) {
      fail(ErrorCode::kInvalidFile, shard, " says ", kSplitCount, " ", split_count(shards[i]), ", the file name says ",
           shards.size());
    }
    if (split_number(shards[i]) != i) {
      fail(ErrorCode::kInvalidFile, shard, " says ", kSplitNumber, " ", split_number(shards[i]), ", expected ", i,
           ": is it a copy or a renamed shard?");
    }
  }
}

// Shards given by the caller are put into the order of their keys.
void check_and_sort_given(std::vector<Shard>& shards) {
  for (const Shard& shard : shards) {
    if (split_count(shard) != shards.size()) {
      fail(ErrorCode::kInvalidArgument, shard.path, " says ", kSplitCount, " ", split_count(shard), ", but ",
           shards.size(), " files were given");
    }
    if (split_number(shard) >= shards.size()) {
      fail(ErrorCode::kInvalidFile, shard.path, " says ", kSplitNumber, " ", split_number(shard), " of ", shards.size(),
           " shards (they count from 0)");
    }
  }
  std::stable_sort(shards.begin(), shards.end(),
                   [](const Shard& a, const Shard& b) { return split_number(a) < split_number(b); });
  for (size_t i = 1; i < shards.size(); ++i) {
    if (split_number(shards[i - 1]) == split_number(shards[i])) {
      fail(ErrorCode::kInvalidArgument, shards[i - 1].path, " and ", shards[i].path, " both say ", kSplitNumber, " ",
           split_number(shards[i]));
    }
  }
}

// gguf-split writes the architecture into the first shard only; where another one has it, it must agree.
void check_same_architecture(const std::vector<Shard>& shards) {
  const auto expected = shards[0].header.metadata.find_string(kArchitecture);
  for (size_t i = 1; i < shards.size(); ++i) {
    const auto found = shards[i].header.metadata.find_string(kArchitecture);
    if (!found || found == expected) continue;
    fail(ErrorCode::kInvalidFile, shards[i].path, ": shard ", i + 1, " belongs to another model: its ", kArchitecture,
         " is ", printable(*found), ", that of ", shards[0].path, " is ", printable(expected.value_or("missing")));
  }
}

// Every shard says how many tensors there are in all shards together.
void check_tensor_count(const std::vector<Shard>& shards) {
  uint64_t held = 0;
  for (const Shard& shard : shards) held += shard.header.tensors.size();
  for (size_t i = 0; i < shards.size(); ++i) {
    const uint64_t said = shards[i].header.metadata.uint64(kSplitTensors);
    if (said == held) continue;
    fail(ErrorCode::kInvalidFile, shards[i].path, ": the ", shards.size(), " shards hold ", held, " tensors, ",
         kSplitTensors, " in shard ", i + 1, " says ", said, ": does a shard belong to another model?");
  }
}

// Moves the shards' contents into one model, in the order they stand.
ModelFiles join(std::vector<Shard>& shards) {
  ModelFiles model;
  model.metadata = std::move(shards[0].header.metadata);
  for (Shard& shard : shards) {
    for (Tensor& tensor : shard.header.tensors) {
      tensor.file = static_cast<uint32_t>(model.paths.size());
      model.tensors.push_back(std::move(tensor));
    }
    model.paths.push_back(std::move(shard.path));
    model.file_bytes.push_back(shard.bytes);
  }
  model.name_order.resize(model.tensors.size());
  std::iota(model.name_order.begin(), model.name_order.end(), 0u);
  std::stable_sort(model.name_order.begin(), model.name_order.end(),
                   [&](uint32_t a, uint32_t b) { return model.tensors[a].name < model.tensors[b].name; });
  return model;
}

void check_no_tensor_twice(const ModelFiles& model) {
  for (size_t i = 1; i < model.name_order.size(); ++i) {
    const Tensor& a = model.tensors[model.name_order[i - 1]];
    const Tensor& b = model.tensors[model.name_order[i]];
    if (a.name != b.name) continue;
    fail(ErrorCode::kInvalidFile, "tensor ", printable(a.name), " is in two shards: ", model.paths[a.file], " and ",
         model.paths[b.file]);
  }
}

}  // namespace

const Tensor* ModelFiles::find(std::string_view name) const {
  const auto found =
      std::lower_bound(name_order.begin(), name_order.end(), name,
                       [&](uint32_t index, std::string_view wanted) { return tensors[index].name < wanted; });
  return found != name_order.end() && tensors[*found].name == name ? &tensors[*found] : nullptr;
}

ModelFiles open_model_files(const std::vector<std::string>& paths) {
  if (paths.empty()) fail(ErrorCode::kInvalidArgument, "no model path given");
  const bool by_name = paths.size() == 1;
  std::vector<Shard> shards;
  for (const std::string& path : by_name ? find_model_paths(paths[0]) : paths) shards.push_back(read_shard(path));
  if (shards.size() == 1) {
    check_single(shards[0]);
  } else {
    by_name ? check_named(shards) : check_and_sort_given(shards);
    check_same_architecture(shards);
    check_tensor_count(shards);
  }
  ModelFiles model = join(shards);
  check_no_tensor_twice(model);
  return model;
}

}  // namespace moeflow::gguf
