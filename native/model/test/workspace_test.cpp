// Buffers large enough for what the parts of a step put into them, also for the smallest batch.
#include "model/workspace.h"

#include <doctest/doctest.h>

#include "model/test/metadata_of.h"

using namespace moeflow;
using namespace moeflow::test;

TEST_CASE("a thread's scratch holds one quantised row of the widest matrix, which latent attention puts there") {
  ModelConfig config = Hyperparameters("deepseek2").put("attention.kv_lora_rank", uint32_t{16384}).read();
  config.vocabulary = 16;
  for (const int rows : {1, 64}) {
    const Workspace space(config, rows, rows, 32, 2);
    for (const ThreadScratch& scratch : space.threads) {
      CHECK(scratch.gate.size() >= QuantizedRowLayout(16384).bytes);
      CHECK(scratch.gate.size() >= static_cast<size_t>(2 * rows * kFeedForwardRows) * sizeof(float));
      CHECK(scratch.matmul.size() >= matmul_scratch_bytes(16384));
    }
  }
}

TEST_CASE("activations are quantised row by row, each at a cache line of its own") {
  const ActivationBuffer buffer(3, 96, "test");
  CHECK(buffer.row(2) - buffer.row(0) == 2 * 96);
  CHECK(buffer.quantized_row(1) - buffer.quantized_row(0) == static_cast<std::ptrdiff_t>(QuantizedRowLayout(96).bytes));
  CHECK(QuantizedRowLayout(96).bytes % 64 == 0);
  CHECK(QuantizedRowLayout(96).bytes >= 96 + 3 * 4 * 3 + 6 * 4 * 2);
  CHECK(buffer.view().stride == 96);
}
