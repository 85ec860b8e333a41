// Files with the experts of two layers behind a dense one, in any layout, each expert with bytes of its own.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "experts/layout.h"
#include "gguf/test/gguf_bytes.h"
#include "gguf/test/temporary_directory.h"

namespace moeflow::test {

using gguf::test::TemporaryDirectory;

enum class Layout { kStacks, kMerged, kPerExpert };

inline constexpr ExpertShape kShape = {3, 1, 4, 32, 64};  // layers, dense ones, experts, width, expert width

struct ExpertFile {
  gguf::test::GgufBytes bytes;
  std::map<std::tuple<int, int, ExpertPart>, std::string> content;  // layer, expert, part: gate and up Q8_0, down F32

  explicit ExpertFile(Layout layout) {
    for (int layer = 1; layer < 3; ++layer) {
      for (int e = 0; e < 4; ++e) {
        content[{layer, e, kGate}] = make(64 * 34, layer, e, kGate);
        content[{layer, e, kUp}] = make(64 * 34, layer, e, kUp);
        content[{layer, e, kDown}] = make(32 * 64 * 4, layer, e, kDown);
      }
      const std::string prefix = "blk." + std::to_string(layer) + ".ffn_";
      if (layout == Layout::kPerExpert) {
        for (int e = 0; e < 4; ++e) {
          const std::string suffix = "." + std::to_string(e) + ".weight";
          add(prefix + "down" + suffix, {64, 32}, 0, content[{layer, e, kDown}]);
          add(prefix + "up" + suffix, {32, 64}, 8, content[{layer, e, kUp}]);
          add(prefix + "gate" + suffix, {32, 64}, 8, content[{layer, e, kGate}]);
        }
        continue;
      }
      std::string gate, up, down, merged;
      for (int e = 0; e < 4; ++e) {
        gate += content[{layer, e, kGate}];
        up += content[{layer, e, kUp}];
        down += content[{layer, e, kDown}];
        merged += content[{layer, e, kGate}] + content[{layer, e, kUp}];
      }
      if (layout == Layout::kMerged) {
        add(prefix + "gate_up_exps.weight", {32, 128, 4}, 8, merged);
      } else {
        add(prefix + "gate_exps.weight", {32, 64, 4}, 8, gate);
        add(prefix + "up_exps.weight", {32, 64, 4}, 8, up);
      }
      add(prefix + "down_exps.weight", {64, 32, 4}, 0, down);
    }
  }

  gguf::test::GgufBytes without(const std::string& name) const {
    gguf::test::GgufBytes fewer = bytes;
    REQUIRE(std::erase_if(fewer.tensors, [&](const auto& tensor) { return tensor.name == name; }) == 1);
    return fewer;
  }

 private:
  void add(const std::string& name, std::vector<uint64_t> dims, uint32_t type, const std::string& data) {
    gguf::test::TensorEntry entry;
    entry.name = name;
    entry.dims = std::move(dims);
    entry.type = type;
    entry.data = data;
    bytes.tensor(std::move(entry));
  }

  // Bytes that no other matrix has at the same place.
  static std::string make(size_t size, int layer, int expert, ExpertPart part) {
    std::string data(size, '\0');
    const auto salt = static_cast<size_t>(layer * 16 + expert * 4 + part);
    for (size_t i = 0; i < size; ++i) data[i] = static_cast<char>((i + 37 * salt) * 2654435761U >> 13);
    return data;
  }
};

}  // namespace moeflow::test
