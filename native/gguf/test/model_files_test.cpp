// Models of one file and of several, good ones and ones whose files do not belong together.
#include "gguf/model_files.h"

#include <doctest/doctest.h>

#include <array>
#include <filesystem>

#include "gguf/test/expect_error.h"
#include "gguf/test/gguf_bytes.h"
#include "gguf/test/temporary_directory.h"

using namespace moeflow;
using namespace moeflow::gguf;
using namespace moeflow::gguf::test;

namespace {

constexpr std::array<const char*, 3> kNames = {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf",
                                               "m-00003-of-00003.gguf"};

struct SplitKeys {
  uint16_t number;
  uint16_t count = 3;
  int32_t tensors = 3;
};

GgufBytes shard(SplitKeys keys) {
  GgufBytes gguf;
  gguf.u16("split.no", keys.number).u16("split.count", keys.count).i32("split.tensors.count", keys.tensors);
  return gguf;
}

// Shard 1 has the metadata and no tensors, as gguf-split --no-tensor-first-split writes it.
std::array<GgufBytes, 3> good_shards() {
  std::array<GgufBytes, 3> shards = {shard({0}), shard({1}), shard({2})};
  shards[0].text("general.architecture", "qwen3moe");
  shards[1].tensor({"b", {8}}).tensor({"a", {8}});
  shards[2].tensor({"c", {8, 2}});
  return shards;
}

void write(const TemporaryDirectory& directory, const std::array<GgufBytes, 3>& shards) {
  for (size_t i = 0; i < shards.size(); ++i) directory.write(kNames[i], shards[i].file());
}

std::string refusal(ErrorCode code, const std::vector<std::string>& paths) {
  return error_of(code, [&] { open_model_files(paths); });
}

void check_is_good_model(const ModelFiles& model) {
  REQUIRE(model.paths.size() == 3);
  CHECK(model.metadata.string("general.architecture") == "qwen3moe");
  REQUIRE(model.tensors.size() == 3);
  REQUIRE(model.find("a"));
  CHECK(model.find("a")->file == 1);
  REQUIRE(model.find("c"));
  CHECK(model.find("c")->file == 2);
  CHECK(model.find("c")->bytes == 64);
  CHECK(model.find("d") == nullptr);
}

}  // namespace

TEST_CASE("model files: a single file") {
  const TemporaryDirectory directory;
  const std::string bytes = sample_file().file();
  const std::string path = directory.write("model.gguf", bytes);
  const ModelFiles model = open_model_files({path});
  CHECK(model.paths == std::vector<std::string>{path});
  CHECK(model.file_bytes == std::vector<uint64_t>{bytes.size()});
  CHECK(model.tensors.size() == 4);
  CHECK(model.find("norm.weight")->dims[0] == 5);
  const ModelFiles copy = model;
  CHECK(copy.find("norm.weight") == &copy.tensors[1]);
}

TEST_CASE("model files: a header longer than the first read") {
  const TemporaryDirectory directory;
  GgufBytes gguf;
  gguf.texts("tokens", std::vector<std::string>(50000, std::string(100, 't'))).tensor({"w", {8}});
  const ModelFiles model = open_model_files({directory.write("model.gguf", gguf.file())});
  CHECK(model.metadata.strings("tokens").size() == 50000);
  CHECK(model.tensors.size() == 1);
}

TEST_CASE("model files: any shard opens the whole model") {
  const TemporaryDirectory directory;
  write(directory, good_shards());
  for (const char* name : kNames) {
    CAPTURE(name);
    const ModelFiles model = open_model_files({directory.at(name)});
    check_is_good_model(model);
    CHECK(model.paths[0] == directory.at(kNames[0]));
  }
}

TEST_CASE("model files: shards in any order and under any names") {
  const TemporaryDirectory directory;
  const auto shards = good_shards();
  const std::string first = directory.write("metadata", shards[0].file());
  const std::string second = directory.write("more.gguf", shards[1].file());
  const std::string third = directory.write("m-00001-of-00003.gguf", shards[2].file());
  const ModelFiles model = open_model_files({third, first, second});
  check_is_good_model(model);
  CHECK(model.paths == std::vector<std::string>{first, second, third});
}

TEST_CASE("model files: a directory with one model, whole or split") {
  const TemporaryDirectory directory;
  directory.write("README.md", "text");
  std::filesystem::create_directory(directory.at("folder.gguf"));
  CHECK_SAYS(refusal(ErrorCode::kInvalidArgument, {directory.path()}), "holds no .gguf file");
  write(directory, good_shards());
  check_is_good_model(open_model_files({directory.path()}));
  directory.write("other.gguf", sample_file().file());
  const std::string message = refusal(ErrorCode::kInvalidArgument, {directory.path()});
  CHECK_SAYS(message, "holds 2 models; open one of them: ");
  CHECK_SAYS(message, "other.gguf");
  CHECK_SAYS(message, "m-0000");
}

TEST_CASE("model files: paths that lead nowhere") {
  const TemporaryDirectory directory;
  CHECK(refusal(ErrorCode::kInvalidArgument, {}) == "no model path given");
  CHECK(refusal(ErrorCode::kIo, {directory.at("none.gguf")}) ==
        "cannot open " + directory.at("none.gguf") + ": No such file or directory");
  CHECK_SAYS(refusal(ErrorCode::kIo, {directory.at(kNames[0])}), "No such file or directory");
  CHECK_SAYS(refusal(ErrorCode::kIo, {directory.path(), directory.path()}), "it is a directory");
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, {directory.write("empty.gguf", "")}), "an empty file");
}

TEST_CASE("model files: a missing shard is named") {
  const TemporaryDirectory directory;
  write(directory, good_shards());
  std::filesystem::remove(directory.at(kNames[1]));
  CHECK(refusal(ErrorCode::kInvalidFile, {directory.at(kNames[2])}) ==
        "shard 2 of 3 is missing: " + directory.at(kNames[1]));
  std::filesystem::remove(directory.at(kNames[0]));
  const std::string message = refusal(ErrorCode::kInvalidFile, {directory.at(kNames[2])});
  CHECK_SAYS(message, "2 of 3 shards are missing: ");
  CHECK_SAYS(message, kNames[0]);
}

TEST_CASE("model files: a truncated shard is named") {
  const TemporaryDirectory directory;
  const auto shards = good_shards();
  write(directory, shards);
  const std::string bytes = shards[2].file();
  const std::string path = directory.write(kNames[2], bytes.substr(0, bytes.size() - 1));
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, {directory.at(kNames[0])}), path + ": truncated or damaged: tensor c");
}

TEST_CASE("model files: shards that say they are others") {
  const TemporaryDirectory directory;
  auto shards = good_shards();
  shards[1] = shard({2});
  write(directory, shards);
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, {directory.at(kNames[0])}),
             directory.at(kNames[1]) + ": shard 2 says split.no 2, expected 1");

  shards = good_shards();
  shards[0].keys = shard({0, 4}).keys;
  write(directory, shards);
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, {directory.at(kNames[0])}),
             "shard 1 says split.count 4, the file name says 3");

  write(directory, {sample_file(), shard({1}), shard({2})});
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, {directory.at(kNames[1])}), "missing key split.count");
}

TEST_CASE("model files: shards given by the caller must be all of one model") {
  const TemporaryDirectory directory;
  write(directory, good_shards());
  const std::string first = directory.at(kNames[0]);
  const std::string second = directory.at(kNames[1]);
  CHECK_SAYS(refusal(ErrorCode::kInvalidArgument, {first, second}), "says split.count 3, but 2 files were given");
  CHECK_SAYS(refusal(ErrorCode::kInvalidArgument, {first, second, second}), "both say split.no 1");
  const std::string outside = directory.write("outside", shard({3}).file());
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, {first, second, outside}), "says split.no 3 of 3 shards");
  const std::string single = directory.write("single", sample_file().file());
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, {single, first}), "missing key split.count");
}

TEST_CASE("model files: one shard under a free name cannot find the others") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("renamed.gguf", good_shards()[1].file());
  CHECK_SAYS(refusal(ErrorCode::kInvalidArgument, {path}), "is one of 3 shards");
}

TEST_CASE("model files: a split into one file is a single file") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("m-00001-of-00001.gguf", shard({0, 1, 0}).file());
  CHECK(open_model_files({path}).paths.size() == 1);
}

TEST_CASE("model files: the tensors of all shards are counted") {
  const TemporaryDirectory directory;
  auto shards = good_shards();
  shards[2].tensor({"d", {8}});
  write(directory, shards);
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, {directory.at(kNames[0])}),
             "the 3 shards hold 4 tensors, split.tensors.count in shard 1 says 3");

  shards = good_shards();
  shards[2].keys = shard({2, 3, 17}).keys;
  write(directory, shards);
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, {directory.at(kNames[0])}), "in shard 3 says 17");
}

TEST_CASE("model files: a shard of another model") {
  const TemporaryDirectory directory;
  auto shards = good_shards();
  shards[2].text("general.architecture", "llama");
  write(directory, shards);
  CHECK_SAYS(refusal(ErrorCode::kInvalidFile, {directory.at(kNames[0])}),
             "shard 3 belongs to another model: its general.architecture is llama");
}

TEST_CASE("model files: a tensor in two shards") {
  const TemporaryDirectory directory;
  auto shards = good_shards();
  shards[2].tensors[0].name = "a";
  write(directory, shards);
  CHECK(refusal(ErrorCode::kInvalidFile, {directory.at(kNames[0])}) ==
        "tensor a is in two shards: " + directory.at(kNames[1]) + " and " + directory.at(kNames[2]));
}
