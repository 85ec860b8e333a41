// Promise 1: logits are bit-identical whatever the chunking, the company, the threads and the instruction set.
#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "engine/test/engine_runs.h"

using namespace moeflow;
using namespace moeflow::test;

namespace {

// F32 and Q8_0 of the plainest family, and the two whose attention differs most from it.
std::vector<TinyOptions> models() {
  std::vector<TinyOptions> all(4);
  all[1].q8_0 = true;
  all[2].q8_0 = true;
  all[2].architecture = "gpt-oss";
  all[3].q8_0 = true;
  all[3].architecture = "deepseek2";
  return all;
}

}  // namespace

TEST_CASE("a prompt gives the same bits in any chunks and on any number of threads") {
  const std::vector<int32_t> tokens = random_tokens(37, 1);
  for (const TinyOptions& options : models()) {
    CAPTURE(options.architecture);
    CAPTURE(options.q8_0);
    const TinyFile file(options);
    const Outcome expected = run_alone(*file.engine(1), tokens);
    for (int threads = 1; threads <= 4; ++threads) {
      const auto engine = file.engine(threads);
      CAPTURE(threads);
      for (const size_t chunk : {size_t{1}, size_t{3}, size_t{16}, size_t{37}}) {
        CHECK(run_alone(*engine, tokens, chunk).same_bits_as(expected));
      }
    }
  }
}

TEST_CASE("a sequence gives the same bits in any company and at any place of the step") {
  std::vector<std::vector<int32_t>> prompts;
  for (unsigned i = 0; i < 5; ++i) prompts.push_back(random_tokens(5 + 11 * i, 20 + i));
  for (const TinyOptions& options : models()) {
    CAPTURE(options.architecture);
    CAPTURE(options.q8_0);
    const TinyFile file(options);
    const auto engine = file.engine(2);
    std::vector<Outcome> expected;
    for (const auto& prompt : prompts) expected.push_back(run_alone(*engine, prompt));
    std::mt19937 random(3);
    for (int round = 0; round < 4; ++round) {
      // Each step takes some tokens of some sequences, in any order.
      std::map<size_t, size_t> fed;
      std::map<size_t, int32_t> sequence;
      std::vector<Outcome> outcomes(prompts.size());
      for (size_t i = 0; i < prompts.size(); ++i) sequence[i] = engine->create_sequence();
      for (bool done = false; !done;) {
        std::vector<size_t> order;
        for (size_t i = 0; i < prompts.size(); ++i) {
          if (fed[i] < prompts[i].size() && random() % 4 != 0) order.push_back(i);
        }
        for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
        std::vector<StepItem> items;
        for (const size_t i : order) {
          items.push_back(ask(sequence[i], prompts[i], fed[i], 1 + random() % 20));
          fed[i] += items.back().tokens.size();
        }
        if (!items.empty()) {
          const auto results = engine->step(items, kNotCancelled);
          for (size_t i = 0; i < order.size(); ++i) outcomes[order[i]].append(results[i]);
        }
        done = true;
        for (size_t i = 0; i < prompts.size(); ++i) done = done && fed[i] == prompts[i].size();
      }
      for (size_t i = 0; i < prompts.size(); ++i) {
        CHECK(outcomes[i].same_bits_as(expected[i]));
        engine->free_sequence(sequence[i]);
      }
    }
    CHECK(engine->kv_blocks_in_use() == 0);
  }
}

TEST_CASE("every kernel set but the reference gives the same bits, with either cache") {
  const std::vector<int32_t> tokens = random_tokens(37, 2);
  for (const TinyOptions& options : models()) {
    CAPTURE(options.architecture);
    CAPTURE(options.q8_0);
    const TinyFile file(options);
    for (const KvType kv : {KvType::kF16, KvType::kF32}) {
      const Outcome expected = run_alone(*file.engine(1, 64, "portable", kv), tokens);
      for (const KernelSet* set : usable_sets()) {
        if (!set->quantizes_activations) continue;
        CAPTURE(std::string(set->name));
        CHECK(run_alone(*file.engine(2, 64, set->name, kv), tokens, 5).same_bits_as(expected));
      }
    }
  }
}

TEST_CASE("the cache is F16 where weights are quantised, F32 where they are not") {
  TinyOptions options;
  CHECK_FALSE(TinyFile(options).engine()->kv_layout().half);
  options.q8_0 = true;
  CHECK(TinyFile(options).engine()->kv_layout().half);
  CHECK_FALSE(TinyFile(options).engine(1, 8, "reference")->kv_layout().half);
}

TEST_CASE("cut back and fed the same tokens again, a sequence gives the same bits") {
  const std::vector<int32_t> tokens = random_tokens(50, 4);
  for (const TinyOptions& options : models()) {
    const TinyFile file(options);
    const auto engine = file.engine(2);
    const Outcome expected = run_alone(*engine, tokens);
    const int32_t sequence = engine->create_sequence();
    feed(*engine, sequence, tokens);
    for (const int32_t length : {49, 33, 32, 31, 16, 1, 0}) {
      CAPTURE(length);
      engine->truncate_sequence(sequence, length);
      // First along another path, so that the cache holds something else.
      feed(*engine, sequence, random_tokens(50 - static_cast<size_t>(length), 5));
      engine->truncate_sequence(sequence, length);
      const std::vector<int32_t> rest(tokens.begin() + length, tokens.end());
      const Outcome again = feed(*engine, sequence, rest, 7);
      CHECK(same_bits(again.logits, std::span(expected.logits).subspan(static_cast<size_t>(length) * kVocabulary)));
    }
  }
}

TEST_CASE("keys and values beyond half precision stay finite in an F16 cache, and the bits independent of the chunks") {
  TinyModel model{TinyOptions()};
  for (const char* part : {"blk.0.attn_v.weight", "blk.0.attn_k_norm.weight"}) {
    for (float& value : model.tensors.at(part).values) value *= 1e6F;
  }
  const TinyFile file(model);
  const std::vector<int32_t> tokens = random_tokens(20, 6);
  const Outcome expected = run_alone(*file.engine(1, 64, "", KvType::kF16), tokens, 1);
  for (const float logit : expected.logits) CHECK(std::isfinite(logit));
  CHECK(run_alone(*file.engine(2, 64, "", KvType::kF16), tokens).same_bits_as(expected));
}
