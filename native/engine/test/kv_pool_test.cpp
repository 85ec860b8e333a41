#include "engine/kv_pool.h"

#include <doctest/doctest.h>

#include <cstring>
#include <set>

#include "gguf/test/expect_error.h"
#include "model/test/metadata_of.h"

using namespace moeflow;
using namespace moeflow::test;
using gguf::test::error_of;

TEST_CASE("a cache block has a key and a value tile of 16 positions for each layer and head, side by side") {
  const ModelConfig config = Hyperparameters("qwen3moe").put("attention.key_length", uint32_t{24}).read();
  for (const bool half : {false, true}) {
    const KvLayout layout(config, half);
    const size_t element = half ? 2 : 4;
    CHECK(layout.key_tile == 24 * 16 * element);
    CHECK(layout.value_tile == 16 * 16 * element);
    size_t next = 0;
    for (int layer = 0; layer < 4; ++layer) {
      for (int head = 0; head < 2; ++head) {
        CHECK(layout.key_offset(layer, head) == next);
        CHECK(layout.value_offset(layer, head) == next + layout.key_tile);
        next += layout.key_tile + layout.value_tile;
      }
    }
    CHECK(layout.block == next);
  }
}

TEST_CASE("blocks are distinct memory, counted while in use and given back in any order") {
  const ModelConfig config = Hyperparameters("qwen3moe").read();
  KvPool pool(KvLayout(config, true), 40);
  const size_t bytes = pool.layout().block;
  std::vector<uint8_t*> odd, even;
  for (int i = 0; i < 40; ++i) {
    uint8_t* block = pool.take();
    std::memset(block, i, bytes);
    (i % 2 ? odd : even).push_back(block);
  }
  CHECK(pool.blocks_in_use() == 40);
  CHECK_SAYS(error_of(ErrorCode::kKvCacheFull, [&] { pool.take(); }),
             "all 40 blocks of the key/value cache are in use, 640 tokens");
  for (size_t i = 0; i < 20; ++i) {
    CHECK(odd[i][0] == 2 * i + 1);
    CHECK(odd[i][bytes - 1] == 2 * i + 1);
  }
  std::swap(odd[3], odd[17]);
  pool.give_back(odd);
  CHECK(odd.empty());
  CHECK(pool.blocks_in_use() == 20);
  for (size_t i = 0; i < 20; ++i) CHECK(even[i][bytes - 1] == 2 * i);
  pool.give_back(odd);  // nothing
  CHECK(pool.blocks_in_use() == 20);
  pool.give_back(even);
  CHECK(pool.blocks_in_use() == 0);
}

TEST_CASE("a block that is shared stays until the last one has given it back, and counts once") {
  const ModelConfig config = Hyperparameters("qwen3moe").read();
  KvPool pool(KvLayout(config, true), 2);
  std::vector<uint8_t*> first = {pool.take(), pool.take()};
  std::vector<uint8_t*> second = {first[0]};
  pool.share(first[0]);
  first[0][0] = 7;
  CHECK(pool.is_shared(first[0]));
  CHECK_FALSE(pool.is_shared(first[1]));
  CHECK(pool.blocks_in_use() == 2);
  pool.give_back(first);
  CHECK(pool.blocks_in_use() == 1);
  CHECK_FALSE(pool.is_shared(second[0]));
  CHECK(second[0][0] == 7);
  pool.give_back(second);
  CHECK(pool.blocks_in_use() == 0);
}
