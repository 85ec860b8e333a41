// Where each expert's bytes are, in the three layouts that GGUF has had.
#include "experts/layout.h"

#include <doctest/doctest.h>

#include "experts/test/expert_files.h"
#include "gguf/test/expect_error.h"

using namespace moeflow;
using namespace moeflow::test;
using gguf::test::error_of;
using gguf::test::GgufBytes;

namespace {

std::string refusal(const GgufBytes& bytes, const ExpertShape& shape = kShape) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("m.gguf", bytes.file());
  const gguf::ModelFiles files = gguf::open_model_files({path});
  const std::string message = error_of(ErrorCode::kInvalidFile, [&] { find_experts(files, shape); });
  CHECK_SAYS(message, path);
  return message;
}

}  // namespace

TEST_CASE("stacks, merged stacks and single tensors are found, each expert a run of whole rows") {
  for (const Layout layout : {Layout::kStacks, Layout::kMerged, Layout::kPerExpert}) {
    CAPTURE(static_cast<int>(layout));
    const ExpertFile file(layout);
    const TemporaryDirectory directory;
    const gguf::ModelFiles files = gguf::open_model_files({directory.write("m.gguf", file.bytes.file())});
    const ExpertLayout found = find_experts(files, kShape);
    REQUIRE(found.size() == 3);
    CHECK(found[0].empty());  // a dense block
    for (size_t layer = 1; layer < 3; ++layer) {
      REQUIRE(found[layer].size() == 4);
      for (const ExpertRanges& expert : found[layer]) {
        CHECK(expert.part[kGate].rows == kShape.expert_width);
        CHECK(expert.part[kUp].rows == kShape.expert_width);
        CHECK(expert.part[kDown].rows == kShape.width);
        CHECK(expert.part[kGate].cols == kShape.width);
        CHECK(expert.part[kDown].cols == kShape.expert_width);
        CHECK(expert.part[kUp].type == DType::kQ8_0);
        CHECK(expert.part[kDown].type == DType::kF32);
        CHECK(expert.bytes() == 2 * 64 * 34 + 32 * 64 * 4);
      }
    }
  }
}

TEST_CASE("in a merged stack the gate rows of an expert come before its up rows") {
  const ExpertFile file(Layout::kMerged);
  const TemporaryDirectory directory;
  const gguf::ModelFiles files = gguf::open_model_files({directory.write("m.gguf", file.bytes.file())});
  const ExpertLayout found = find_experts(files, kShape);
  const gguf::Tensor* stack = files.find("blk.1.ffn_gate_up_exps.weight");
  REQUIRE(stack != nullptr);
  for (size_t e = 0; e < 4; ++e) {
    CHECK(found[1][e].part[kGate].offset == stack->offset + e * 128 * 34);
    CHECK(found[1][e].part[kUp].offset == stack->offset + e * 128 * 34 + 64 * 34);
  }
}

TEST_CASE("a missing expert tensor is named") {
  for (const char* name : {"blk.1.ffn_gate_exps.weight", "blk.2.ffn_up_exps.weight", "blk.1.ffn_down_exps.weight"}) {
    CHECK_SAYS(refusal(ExpertFile(Layout::kStacks).without(name)), std::string("missing tensor ") + name);
  }
  CHECK_SAYS(refusal(ExpertFile(Layout::kMerged).without("blk.2.ffn_down_exps.weight")),
             "missing tensor blk.2.ffn_down_exps.weight");
  CHECK_SAYS(refusal(ExpertFile(Layout::kPerExpert).without("blk.2.ffn_up.3.weight")),
             "missing tensor blk.2.ffn_up.3.weight");
  // Without its first expert a layer has neither layout: the current one is asked for.
  CHECK_SAYS(refusal(ExpertFile(Layout::kPerExpert).without("blk.2.ffn_up.0.weight")),
             "missing tensor blk.2.ffn_up_exps.weight");
}

TEST_CASE("a stack with another number of experts says so") {
  ExpertShape five = kShape;
  five.experts = 5;
  CHECK_SAYS(refusal(ExpertFile(Layout::kStacks).bytes, five),
             "tensor blk.1.ffn_gate_exps.weight has 4 experts, expected 5");
  CHECK_SAYS(refusal(ExpertFile(Layout::kMerged).bytes, five),
             "tensor blk.1.ffn_gate_up_exps.weight has 4 experts, expected 5");
  CHECK_SAYS(refusal(ExpertFile(Layout::kPerExpert).bytes, five), "missing tensor blk.1.ffn_gate.4.weight");
}

TEST_CASE("an expert tensor of another shape is named, with what was found and expected") {
  ExpertShape wider = kShape;
  wider.expert_width = 96;
  CHECK_SAYS(refusal(ExpertFile(Layout::kStacks).bytes, wider),
             "blk.1.ffn_gate_exps.weight: shape [32, 64, 4], expected [32, 96, 4]");
  CHECK_SAYS(refusal(ExpertFile(Layout::kMerged).bytes, wider),
             "blk.1.ffn_gate_up_exps.weight: shape [32, 128, 4], expected [32, 192, 4]");
  CHECK_SAYS(refusal(ExpertFile(Layout::kPerExpert).bytes, wider),
             "blk.1.ffn_gate.0.weight: shape [32, 64], expected [32, 96]");
  ExpertShape narrow = kShape;
  narrow.width = 64;
  CHECK_SAYS(refusal(ExpertFile(Layout::kStacks).bytes, narrow), "shape [32, 64, 4], expected [64, 64, 4]");
}

TEST_CASE("trailing dimensions of 1 may be left out of a shape, others not") {
  const TemporaryDirectory directory;
  GgufBytes bytes;
  bytes.tensor({"two", {32, 2}}).tensor({"four", {32, 2, 1, 3}});
  const gguf::ModelFiles files = gguf::open_model_files({directory.write("m.gguf", bytes.file())});
  CHECK(find_tensor(files, "two", {32, 2}) != nullptr);
  CHECK(find_tensor(files, "two", {32, 2, 1}) != nullptr);
  CHECK(find_tensor(files, "four", {32, 2, 1, 3}) != nullptr);
  CHECK(find_tensor(files, "none", {32}) == nullptr);
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [&] { find_tensor(files, "four", {32, 2}); }), "expected [32, 2]");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [&] { find_tensor(files, "two", {32}); }),
             "shape [32, 2], expected [32]");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [&] { require_tensor(files, "none", {32}); }), "missing tensor none");
}
