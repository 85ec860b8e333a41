// Writes small GGUF files into a directory, for gguf_fuzzer to start from: make_gguf_corpus <directory>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "gguf/test/gguf_bytes.h"

using namespace moeflow::gguf::test;

namespace {

std::map<std::string, GgufBytes> corpus() {
  std::map<std::string, GgufBytes> files;
  files["empty"] = GgufBytes();
  files["sample"] = sample_file();
  files["version-2"] = sample_file();
  files["version-2"].version = 2;
  files["aligned"].alignment = 256;
  files["aligned"].u32("general.alignment", 256).tensor({"a", {8}}).tensor({"b", {8}});
  files["shard"].u16("split.no", 0).u16("split.count", 3).i32("split.tensors.count", 7);
  files["order"].tensor({"late", {8}, 0, 0, 32}).tensor({"early", {8}}).tensor({"end", {8}, 0, 0, 64});
  // One tensor of each type number, those that are refused included.
  for (uint32_t type = 0; type <= 40; ++type) files["type-" + std::to_string(type)].tensor({"t", {256}, type, 1024});
  return files;
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 2) {
    std::fprintf(stderr, "usage: make_gguf_corpus <directory>\n");
    return 2;
  }
  const std::filesystem::path directory = arguments[1];
  std::filesystem::create_directories(directory);
  for (const auto& [name, gguf] : corpus()) {
    const std::string bytes = gguf.file();
    std::ofstream(directory / name, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  return 0;
}
