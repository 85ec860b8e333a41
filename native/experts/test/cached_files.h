// Caches of a part of the experts of a file, by each method of reading.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "experts/cache.h"
#include "experts/file_store.h"
#include "experts/test/each_method.h"
#include "experts/test/expert_files.h"

namespace moeflow::test {

struct TestOptions : CacheOptions {
  ReadOptions reads;
};

// A file with 8 experts (layers 1 and 2 with 4 each), and caches over it.
struct Files {
  explicit Files(Layout layout = Layout::kStacks, ReadMethod method = each_method())
      : method(method),
        file(layout),
        path(directory.write("m.gguf", file.bytes.file())),
        layout(find_experts(gguf::open_model_files({path}), kShape)) {}

  // `slots`: how many experts have a place.
  std::unique_ptr<CachedExperts> cache(uint64_t slots, TestOptions options = {}) const {
    options.bytes = SlotPlan(layout, 2).most_bytes() * slots / 8;
    options.poison = true;
    return cache_of(options);
  }

  std::unique_ptr<CachedExperts> cache_of(TestOptions options) const {
    options.reads.method = method;
    auto store = std::make_unique<FileStore>(layout, std::vector<std::string>{path}, options.reads);
    return std::make_unique<CachedExperts>(layout, 2, std::move(store), options);
  }

  bool holds(const ExpertWeights& weights, int layer, int expert) const {
    const auto same = [&](const Matrix& matrix, ExpertPart part) {
      const std::string& content = file.content.at({layer, expert, part});
      return content.size() == static_cast<size_t>(matrix.rows) * matrix.row_bytes &&
             std::equal(content.begin(), content.end(), reinterpret_cast<const char*>(matrix.data));
    };
    return same(weights.gate, kGate) && same(weights.up, kUp) && same(weights.down, kDown);
  }

  ReadMethod method;
  TemporaryDirectory directory;
  ExpertFile file;
  std::string path;
  ExpertLayout layout;
};

}  // namespace moeflow::test
