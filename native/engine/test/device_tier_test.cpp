// A device's memory above the process's own: the same logits, to the bit.
#include <doctest/doctest.h>

#include <thread>

#include "base/error.h"
#include "engine/test/tier_models.h"

using namespace moeflow;
using namespace moeflow::test;

TEST_CASE("a device with memory of its own, above all experts or above a cache of them: the same bits") {
  const std::vector<int32_t> tokens = random_tokens(40, 18);
  for (const TinyOptions& tiny : models()) {
    CAPTURE(tiny.architecture);
    CAPTURE(tiny.q8_0);
    const TinyFile file(tiny);
    const auto whole = file.engine();
    const Outcome expected = run_alone(*whole, tokens);
    const SlotPlan blocks(whole->model().experts, 2);
    const SlotPlan matrices(whole->model().experts, 2, SlotContent::kMatrices);
    for (const uint64_t host : {uint64_t{0}, blocks.fewest_bytes(), blocks.most_bytes() / 2}) {
      for (const uint64_t device : {matrices.fewest_bytes(), matrices.most_bytes() / 2, matrices.most_bytes()}) {
        for (const Prefetch prefetch : {Prefetch::kNone, Prefetch::kGateAhead}) {
          EngineOptions options = file.options();
          options.threads = 2;
          options.prefetch = prefetch;
          options.cache.bytes = host;
          options.cache.poison = true;
          options.device = {"emulated", device, 0};
          Engine engine(options, LoadControl());
          for (const size_t chunk : {size_t{1}, size_t{7}, size_t{40}}) {
            CHECK(run_alone(engine, tokens, chunk).same_bits_as(expected));
          }
          const CacheCounters above = sum(engine.tiers().device_counters());
          const CacheCounters below = sum(engine.tiers().host_counters());
          CHECK(above.misses + above.prefetches > 0);
          // Whatever the device does not have is asked for below, once.
          if (host > 0 && prefetch == Prefetch::kNone) {
            CHECK(below.hits + below.misses == above.misses);
          }
        }
      }
    }
  }
}

TEST_CASE("a slow way to the device, and slow and failing reads below it: slower or an error, never other bits") {
  const std::vector<int32_t> tokens = random_tokens(12, 19);
  const TinyFile file(models()[1]);
  const auto whole = file.engine();
  const Outcome expected = run_alone(*whole, tokens);
  EngineOptions options = file.options();
  options.cache.bytes = SlotPlan(whole->model().experts, 2).fewest_bytes();
  options.cache.poison = true;
  options.device = {"emulated", SlotPlan(whole->model().experts, 2, SlotContent::kMatrices).fewest_bytes(), 100e6};
  std::atomic<bool> broken = false;
  options.reads.before_read = [&](uint32_t, uint64_t) {
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (broken) throw std::runtime_error("the disk is gone");
  };
  Engine engine(options, LoadControl());
  const int32_t sequence = engine.create_sequence();
  Outcome outcome;
  for (size_t at = 0; at < tokens.size(); at += 3) {
    broken = true;
    std::string message;
    try {
      engine.step({ask(sequence, tokens, at, 3)}, kNotCancelled);
    } catch (const Error& error) {
      message = error.what();
    }
    CHECK(message.find("expert ") == 0);
    CHECK(message.find(": the disk is gone") != std::string::npos);
    CHECK(message.find("expert ", 1) == std::string::npos);
    broken = false;
    outcome.append(engine.step({ask(sequence, tokens, at, 3)}, kNotCancelled)[0]);
  }
  CHECK(outcome.same_bits_as(expected));
}

TEST_CASE("a device that is not known, or has no memory or too little, is refused") {
  const TinyFile file(models()[1]);
  const auto refusal = [&](const DeviceOptions& device) {
    EngineOptions options = file.options();
    options.device = device;
    try {
      Engine(options, LoadControl());
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kInvalidArgument);
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refusal({"cuda", 1 << 20, 0}) == "device must be none or emulated, is cuda");
  CHECK(refusal({"emulated", 0, 0}).find("a device needs memory") == 0);
  CHECK(refusal({"emulated", 100, 0}).find("100 bytes are too few for expert slots") == 0);
}
