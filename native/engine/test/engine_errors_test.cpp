// What a step refuses, and that after any error every sequence is as it was before.
#include <doctest/doctest.h>

#include <filesystem>
#include <limits>

#include "engine/test/engine_runs.h"
#include "gguf/test/expect_error.h"

using namespace moeflow;
using namespace moeflow::test;
using gguf::test::error_of;

namespace {

// An engine with two sequences that have some tokens, and what they give when they go on undisturbed.
struct Scene {
  TinyFile file{TinyOptions()};
  std::unique_ptr<Engine> engine = file.engine(2, 64);
  std::vector<int32_t> first = random_tokens(20, 1), second = random_tokens(9, 2), rest = random_tokens(30, 3);
  int32_t a = engine->create_sequence(), b = engine->create_sequence();

  Scene() {
    feed(*engine, a, first);
    feed(*engine, b, second);
  }

  // The step must fail, say something, and leave both sequences where they were.
  void check_refused(ErrorCode code, const std::vector<StepItem>& items, const char* says) {
    const std::string message = error_of(code, [&] { engine->step(items, kNotCancelled); });
    CHECK_SAYS(message, says);
  }
  ~Scene() {
    const auto undisturbed = file.engine();
    for (const auto& [sequence, before] : {std::pair(a, first), std::pair(b, second)}) {
      std::vector<int32_t> tokens = before;
      tokens.insert(tokens.end(), rest.begin(), rest.end());
      const Outcome expected = run_alone(*undisturbed, tokens);
      const Outcome found = feed(*engine, sequence, rest);
      CHECK(same_bits(found.logits, std::span(expected.logits).subspan(before.size() * kVocabulary)));
      CHECK(found.distinct_experts == expected.distinct_experts);
      engine->free_sequence(sequence);
    }
    CHECK(engine->kv_blocks_in_use() == 0);
  }
};

// Makes a token's embedding, and so all that is computed from it, NaN.
void damage_token(TinyModel& model, size_t token) {
  std::vector<float>& values = model.tensors.at("token_embd.weight").values;
  std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(token * kWidth), kWidth,
              std::numeric_limits<float>::quiet_NaN());
}

}  // namespace

TEST_CASE("a step with a wrong item computes nothing and changes nothing") {
  Scene scene;
  const auto some = [](int32_t sequence, size_t count) { return ask(sequence, random_tokens(count, 9)); };
  SUBCASE("no items") { scene.check_refused(ErrorCode::kInvalidArgument, {}, "1 to 64 tokens, not 0"); }
  SUBCASE("an item without tokens") {
    scene.check_refused(ErrorCode::kInvalidArgument, {some(scene.a, 1), some(scene.b, 0)},
                        "item 1 of the step has no tokens");
  }
  SUBCASE("an unknown sequence") {
    scene.check_refused(ErrorCode::kInvalidArgument, {some(scene.a, 1), some(77, 1)}, "there is no sequence 77");
    scene.check_refused(ErrorCode::kInvalidArgument, {some(-1, 1)}, "there is no sequence -1");
  }
  SUBCASE("a sequence twice") {
    scene.check_refused(ErrorCode::kInvalidArgument, {some(scene.a, 1), some(scene.b, 1), some(scene.a, 1)},
                        "is in the step twice");
  }
  SUBCASE("token ids out of range") {
    for (const int32_t bad :
         {-1, kVocabulary, std::numeric_limits<int32_t>::max(), std::numeric_limits<int32_t>::min()}) {
      StepItem item = some(scene.b, 3);
      item.tokens[2] = bad;
      const std::string says = "token 2 is " + std::to_string(bad) + "; ids go from 0 to 47";
      scene.check_refused(ErrorCode::kInvalidArgument, {some(scene.a, 4), item}, says.c_str());
    }
  }
  SUBCASE("more tokens than a step takes") {
    scene.check_refused(ErrorCode::kInvalidArgument, {some(scene.a, 33), some(scene.b, 32)}, "1 to 64 tokens, not 65");
  }
  SUBCASE("a wrong choice of the tokens that may be drawn") {
    StepItem item = some(scene.a, 3);
    item.sample.emplace();
    item.allowed.assign(5, 0xff);
    scene.check_refused(ErrorCode::kInvalidArgument, {some(scene.b, 1), item},
                        "allowed of item 1 has 5 bytes; 48 tokens are 6");
    item.allowed.assign(6, 0);
    scene.check_refused(ErrorCode::kInvalidArgument, {item}, "item 0 allows no token");
  }
  SUBCASE("more likely tokens than there are") {
    StepItem item = some(scene.a, 3);
    item.sample.emplace();
    item.likely = 49;
    scene.check_refused(ErrorCode::kInvalidArgument, {item}, "49 likely tokens; there are 48");
  }
  SUBCASE("logits from behind the last token") {
    StepItem item = some(scene.a, 3);
    item.logits_from = 3;
    scene.check_refused(ErrorCode::kInvalidArgument, {some(scene.b, 1), item}, "logits are wanted from token 3 of 3");
  }
}

TEST_CASE("a sequence can be filled to its context's last position, and no further") {
  Scene scene;
  const int32_t full = scene.engine->create_sequence();
  const std::vector<int32_t> tokens = random_tokens(kContext, 4);
  feed(*scene.engine, full, tokens, 60);
  CHECK(scene.engine->kv_blocks_in_use() == 8 + 2 + 1);
  scene.check_refused(ErrorCode::kContextFull, {ask(scene.a, tokens, 0, 3), ask(full, {1})},
                      "129 tokens do not fit in a context of 128");
  scene.engine->truncate_sequence(full, kContext - 1);
  feed(*scene.engine, full, {1});
  scene.engine->free_sequence(full);
}

TEST_CASE("sequences that are not there cannot be freed or cut, and none can be cut to more than it has") {
  Scene scene;
  error_of(ErrorCode::kInvalidArgument, [&] { scene.engine->free_sequence(5); });
  error_of(ErrorCode::kInvalidArgument, [&] { scene.engine->truncate_sequence(5, 0); });
  CHECK_SAYS(error_of(ErrorCode::kInvalidArgument, [&] { scene.engine->truncate_sequence(scene.a, 21); }),
             "has 20 tokens");
  error_of(ErrorCode::kInvalidArgument, [&] { scene.engine->truncate_sequence(scene.a, -1); });
  const int32_t gone = scene.engine->create_sequence();
  scene.engine->free_sequence(gone);
  error_of(ErrorCode::kInvalidArgument, [&] { scene.engine->free_sequence(gone); });
  CHECK(scene.engine->create_sequence() != gone);
}

// There is nothing to draw from. What the item before it in the same step would have done must not stay either.
TEST_CASE("a token that cannot be drawn fails the whole step and changes nothing") {
  TinyModel model{TinyOptions()};
  damage_token(model, 7);
  const TinyFile file(model);
  const auto engine = file.engine(2);
  std::vector<int32_t> sound = random_tokens(30, 1);
  std::replace(sound.begin(), sound.end(), 7, 8);
  const std::vector<int32_t> after = {sound[0]};
  const Outcome expected = run_alone(*engine, after);

  const int32_t a = engine->create_sequence();
  const int32_t b = engine->create_sequence();
  StepItem broken = ask(b, {7});
  broken.sample = SamplingOptions();
  CHECK_SAYS(error_of(ErrorCode::kInternal,
                      [&] {
                        engine->step({ask(a, sound), broken}, kNotCancelled);
                      }),
             "no number for any token");
  CHECK(feed(*engine, a, after).same_bits_as(expected));
  CHECK(feed(*engine, b, after).same_bits_as(expected));
}

TEST_CASE("a sequence gets the same bits beside one whose numbers are damaged, in every kernel set") {
  TinyOptions options;
  options.q8_0 = true;
  TinyModel model(options);
  damage_token(model, 7);
  const TinyFile file(model);
  std::vector<int32_t> sound = random_tokens(30, 1);
  std::replace(sound.begin(), sound.end(), 7, 8);
  for (const KernelSet* set : usable_sets()) {
    CAPTURE(std::string(set->name));
    const auto engine = file.engine(2, 64, set->name);
    const Outcome expected = run_alone(*engine, sound);
    const int32_t good = engine->create_sequence();
    const auto results = engine->step({ask(good, sound), ask(engine->create_sequence(), {7, 3})}, kNotCancelled);
    CHECK(same_bits(results[0].logits, expected.logits));
    for (const int32_t expert : results[1].experts) CHECK((expert >= 0 && expert < 4));
  }
}

TEST_CASE("sampled tokens follow from the logits; greedy takes the highest") {
  const TinyFile file{TinyOptions()};
  const auto engine = file.engine();
  const std::vector<int32_t> tokens = random_tokens(6, 5);
  StepItem item = ask(engine->create_sequence(), tokens);
  item.sample = SamplingOptions();
  const StepItemResult result = engine->step({item}, kNotCancelled)[0];
  const auto last = result.logits.end() - kVocabulary;
  CHECK(result.token == std::max_element(last, result.logits.end()) - last);

  // Wanted or not: the same token without the logits.
  item.sequence = engine->create_sequence();
  item.logits_from = -1;
  item.routing = false;
  const StepItemResult bare = engine->step({item}, kNotCancelled)[0];
  CHECK(bare.token == result.token);
  CHECK(bare.logits.empty());
  CHECK(bare.experts.empty());
}

TEST_CASE("the repeat penalty of a step sees the tokens of the step") {
  const TinyFile file{TinyOptions()};
  const auto engine = file.engine();
  StepItem item = ask(engine->create_sequence(), random_tokens(1, 5));
  item.sample = SamplingOptions();
  const int32_t best = engine->step({item}, kNotCancelled)[0].token;
  // A sequence that has just seen its own best continuation does not choose it again under a strong penalty.
  item = ask(engine->create_sequence(), {best});
  item.sample = SamplingOptions();
  item.sample->repeat_penalty = 1e9F;
  CHECK(engine->step({item}, kNotCancelled)[0].token != best);
}

TEST_CASE("options that cannot be are refused, and files that are not there named") {
  const TinyFile file{TinyOptions()};
  EngineOptions options;
  options.paths = {file.path()};
  const auto refused = [&](ErrorCode code) { return error_of(code, [&] { Engine(options, {}); }); };
  options.context_length = kContext + 1;
  CHECK_SAYS(refused(ErrorCode::kInvalidArgument), "contextLength must be from 1 to the model's 128, is 129");
  options.context_length = -1;
  CHECK_SAYS(refused(ErrorCode::kInvalidArgument), "is -1");
  options.context_length = 0;
  options.threads = -1;
  CHECK_SAYS(refused(ErrorCode::kInvalidArgument), "threads must be from 1 to 1024, is -1");
  options.threads = 1025;
  CHECK_SAYS(refused(ErrorCode::kInvalidArgument), "is 1025");
  options.threads = 1;
  options.kernels = "quantum";
  CHECK_SAYS(refused(ErrorCode::kInvalidArgument), "quantum");
  options.kernels = "";
  options.paths = {"/nowhere/m.gguf"};
  CHECK_SAYS(refused(ErrorCode::kIo), "/nowhere/m.gguf");
}

TEST_CASE("loading an engine reports progress to the end, and can be cancelled or broken off") {
  const TinyFile file{TinyOptions()};
  EngineOptions options;
  options.paths = {file.path()};
  options.threads = 3;
  uint64_t last = 0;
  uint64_t in_all = 0;
  LoadControl control;
  control.progress = [&](uint64_t read, uint64_t total) {
    CHECK(read >= last);
    last = read;
    in_all = total;
  };
  const Engine engine(options, control);
  CHECK(last == in_all);
  CHECK(in_all >= engine.model().weights.total_bytes());

  std::atomic<bool> cancelled = false;
  control.cancelled = &cancelled;
  control.progress = [&](uint64_t, uint64_t) { cancelled = true; };
  error_of(ErrorCode::kCancelled, [&] { Engine(options, control); });

  control.cancelled = nullptr;
  control.progress = [&](uint64_t, uint64_t) { std::filesystem::resize_file(file.path(), 4096); };
  const std::string message = error_of(ErrorCode::kIo, [&] { Engine(options, control); });
  CHECK_SAYS(message, file.path());
  CHECK_SAYS(message, "at byte ");
}
