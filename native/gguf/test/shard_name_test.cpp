#include "gguf/shard_name.h"

#include <doctest/doctest.h>

using namespace moeflow::gguf;

TEST_CASE("shard names: number and count come from the name, the rest is the prefix") {
  const auto name = parse_shard_name("dir/my-model-00002-of-00013.gguf");
  REQUIRE(name.has_value());
  CHECK(name->prefix == "dir/my-model");
  CHECK(name->number == 2);
  CHECK(name->count == 13);
  CHECK(shard_path(*name, 11) == "dir/my-model-00011-of-00013.gguf");
}

TEST_CASE("shard names: other names are not shards") {
  for (const char* path : {"model.gguf", "model-0002-of-00003.gguf", "model-00002-of-00003.bin", "", ".gguf",
                           "model-00004-of-00003.gguf", "model-00000-of-00003.gguf", "model_00001-of-00003.gguf",
                           "model-0000x-of-00003.gguf", "model-00001-of-000031.gguf", "00001-of-00003.gguf"}) {
    CAPTURE(path);
    CHECK_FALSE(parse_shard_name(path));
  }
}
