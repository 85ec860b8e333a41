// Resident experts hold exactly the bytes of each expert, whatever the layout of the file.
#include "experts/resident.h"

#include <doctest/doctest.h>

#include "experts/test/expert_files.h"

using namespace moeflow;
using namespace moeflow::test;

namespace {

std::string bytes_of(const Matrix& matrix) {
  return {reinterpret_cast<const char*>(matrix.data), static_cast<size_t>(matrix.rows) * matrix.row_bytes};
}

}  // namespace

TEST_CASE("each expert's matrices hold the file's bytes, with their types and shapes") {
  ThreadPool pool(2);
  for (const Layout layout : {Layout::kStacks, Layout::kMerged, Layout::kPerExpert}) {
    CAPTURE(static_cast<int>(layout));
    const ExpertFile expected(layout);
    const TemporaryDirectory directory;
    const gguf::ModelFiles files = gguf::open_model_files({directory.write("m.gguf", expected.bytes.file())});
    const ExpertLayout layout_of_file = find_experts(files, kShape);
    CHECK(ResidentExperts::bytes(layout_of_file) == 8 * (2 * 64 * 34 + 32 * 64 * 4));  // all multiples of a cache line
    std::vector<gguf::File> open;
    open.emplace_back(files.paths[0]);
    LoadedBytes loaded;
    const ResidentExperts store(layout_of_file, open, pool, {}, loaded);
    CHECK(loaded.read == ResidentExperts::bytes(layout_of_file));
    for (int layer = 1; layer < 3; ++layer) {
      for (int e = 0; e < 4; ++e) {
        const ExpertWeights weights = store.weights({layer, e});
        CHECK(bytes_of(weights.gate) == expected.content.at({layer, e, kGate}));
        CHECK(bytes_of(weights.up) == expected.content.at({layer, e, kUp}));
        CHECK(bytes_of(weights.down) == expected.content.at({layer, e, kDown}));
        CHECK(weights.gate.type == DType::kQ8_0);
        CHECK(weights.down.type == DType::kF32);
        CHECK(weights.down.cols == 64);
        CHECK(reinterpret_cast<uintptr_t>(weights.up.data) % 64 == 0);
      }
    }
  }
}

TEST_CASE("experts may lie in different files of one model") {
  const ExpertFile whole(Layout::kStacks);
  gguf::test::GgufBytes shards[2];
  for (uint16_t i = 0; i < 2; ++i) {
    shards[i].u16("split.no", i).u16("split.count", 2);
    shards[i].i32("split.tensors.count", static_cast<int32_t>(whole.bytes.tensors.size()));
  }
  for (size_t i = 0; i < whole.bytes.tensors.size(); ++i) shards[i % 2].tensor(whole.bytes.tensors[i]);
  const TemporaryDirectory directory;
  directory.write("m-00001-of-00002.gguf", shards[0].file());
  directory.write("m-00002-of-00002.gguf", shards[1].file());
  const gguf::ModelFiles files = gguf::open_model_files({directory.at("m-00001-of-00002.gguf")});
  const ExpertLayout layout = find_experts(files, kShape);
  std::vector<gguf::File> open;
  for (const std::string& path : files.paths) open.emplace_back(path);
  ThreadPool pool(3);
  LoadedBytes loaded;
  const ResidentExperts store(layout, open, pool, {}, loaded);
  CHECK(bytes_of(store.weights({2, 3}).gate) == whole.content.at({2, 3, kGate}));
  CHECK(bytes_of(store.weights({2, 3}).up) == whole.content.at({2, 3, kUp}));
  CHECK(bytes_of(store.weights({1, 0}).down) == whole.content.at({1, 0, kDown}));
}
