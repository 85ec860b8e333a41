#include "gguf/metadata.h"

#include <doctest/doctest.h>

#include <limits>

#include "gguf/test/expect_error.h"

using namespace moeflow;
using namespace moeflow::gguf;
using namespace moeflow::gguf::test;

namespace {

template <typename T>
Metadata with(T value) {
  Metadata metadata("m.gguf");
  metadata.add("key", Value(std::move(value)));
  return metadata;
}

}  // namespace

TEST_CASE("metadata keeps the file's order and finds keys") {
  Metadata metadata("m.gguf");
  CHECK(metadata.add("z", uint32_t{1}));
  CHECK(metadata.add("a", std::string("text")));
  CHECK_FALSE(metadata.add("z", uint32_t{2}));
  REQUIRE(metadata.entries().size() == 2);
  CHECK(metadata.entries()[0].key == "z");
  CHECK(metadata.entries()[1].key == "a");
  CHECK(metadata.uint32("z") == 1);
  CHECK(metadata.find("b") == nullptr);
}

TEST_CASE("metadata can be copied and moved") {
  Metadata original = with(uint32_t{7});
  const Metadata copy = original;
  const Metadata moved = std::move(original);
  CHECK(copy.uint32("key") == 7);
  CHECK(moved.uint32("key") == 7);
}

TEST_CASE("integers of every width are accepted where they fit") {
  CHECK(with(uint8_t{200}).uint32("key") == 200);
  CHECK(with(uint16_t{60000}).uint32("key") == 60000);
  CHECK(with(int32_t{5}).uint32("key") == 5);
  CHECK(with(uint64_t{5}).uint32("key") == 5);
  CHECK(with(int64_t{5}).find_uint64("key") == 5u);
  CHECK(with(int8_t{-5}).find_int32("key") == -5);
}

TEST_CASE("integers that do not fit are refused") {
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(int32_t{-1}).uint32("key"); }),
             "m.gguf: key key must be an integer from 0 to 4294967295, is -1");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(uint64_t{1} << 32).uint32("key"); }), "is 4294967296");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(uint32_t{1} << 31).find_int32("key"); }), "is 2147483648");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(int8_t{-5}).uint64("key"); }), "is -5");
}

TEST_CASE("a missing key is an error for the required getters and empty for the others") {
  const Metadata metadata("m.gguf");
  CHECK(error_of(ErrorCode::kInvalidFile, [&] { metadata.uint32("qwen3moe.block_count"); }) ==
        "m.gguf: missing key qwen3moe.block_count");
  CHECK(error_of(ErrorCode::kInvalidFile, [&] { metadata.float32("f"); }) == "m.gguf: missing key f");
  CHECK(error_of(ErrorCode::kInvalidFile, [&] { metadata.boolean("b"); }) == "m.gguf: missing key b");
  CHECK(error_of(ErrorCode::kInvalidFile, [&] { metadata.string("s"); }) == "m.gguf: missing key s");
  CHECK(error_of(ErrorCode::kInvalidFile, [&] { metadata.strings("s"); }) == "m.gguf: missing key s");
  CHECK(error_of(ErrorCode::kInvalidFile, [&] { metadata.uint32_per_layer("l", 2); }) == "m.gguf: missing key l");
  CHECK_FALSE(metadata.find_uint32("key"));
  CHECK_FALSE(metadata.find_int32("key"));
  CHECK_FALSE(metadata.find_uint64("key"));
  CHECK_FALSE(metadata.find_float32("key"));
  CHECK_FALSE(metadata.find_bool("key"));
  CHECK_FALSE(metadata.find_string("key"));
  CHECK(metadata.find_strings("key") == nullptr);
  CHECK_FALSE(metadata.find_floats("key"));
  CHECK_FALSE(metadata.find_ints("key"));
  CHECK_FALSE(metadata.find_bools("key"));
  CHECK_FALSE(metadata.find_uint32_per_layer("key", 2));
  CHECK_FALSE(metadata.find_uint32_for_all_layers("key", 2));
}

TEST_CASE("nothing is converted from another kind of value") {
  CHECK(error_of(ErrorCode::kInvalidFile, [] { with(std::string("1")).uint32("key"); }) ==
        "m.gguf: key key must be an integer, is a string");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(std::string("1")).find_uint32("key"); }), "is a string");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(true).uint32("key"); }), "must be an integer, is a bool");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(1.0f).uint32("key"); }), "is a float32");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(int32_t{1}).float32("key"); }),
             "must be a float, is an int32");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(uint32_t{1}).boolean("key"); }),
             "must be a bool, is a uint32");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(uint32_t{1}).string("key"); }), "must be a string");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(std::vector<float>(3)).find_strings("key"); }),
             "must be an array of strings, is an array of 3 float32s");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(std::vector<std::string>(1)).find_floats("key"); }),
             "must be an array of floats, is an array of 1 string");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(std::vector<bool>(2)).find_ints("key"); }),
             "must be an array of integers, is an array of 2 bools");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(uint32_t{1}).find_ints("key"); }), "is a uint32");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(std::vector<uint8_t>(2)).find_bools("key"); }),
             "must be an array of bools");
}

TEST_CASE("floats come from both widths, but not beyond the narrower one's range") {
  CHECK(with(1.5f).float32("key") == 1.5f);
  CHECK(with(0.25).find_float32("key") == 0.25f);
  CHECK(with(std::numeric_limits<double>::infinity()).float32("key") == std::numeric_limits<float>::infinity());
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(1e300).float32("key"); }), "must fit into a float32");
}

TEST_CASE("arrays come with their elements") {
  CHECK(*with(std::vector<std::string>{"a", "b"}).find_strings("key") == std::vector<std::string>{"a", "b"});
  CHECK(with(std::vector<double>{0.5, 2}).find_floats("key") == std::vector<float>{0.5f, 2.0f});
  CHECK(with(std::vector<float>{0.5f}).find_floats("key") == std::vector<float>{0.5f});
  CHECK(with(std::vector<int8_t>{-1, 2}).find_ints("key") == std::vector<int64_t>{-1, 2});
  CHECK(with(std::vector<uint64_t>{9}).find_ints("key") == std::vector<int64_t>{9});
  CHECK(with(std::vector<bool>{true, false}).find_bools("key") == std::vector<bool>{true, false});
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(std::vector<uint64_t>{UINT64_MAX}).find_ints("key"); }),
             "is 18446744073709551615");
}

TEST_CASE("a per-layer value is one integer for all layers or an array with one each") {
  CHECK(with(uint16_t{8}).uint32_per_layer("key", 3) == std::vector<uint32_t>{8, 8, 8});
  CHECK(with(std::vector<int32_t>{8, 4, 8}).uint32_per_layer("key", 3) == std::vector<uint32_t>{8, 4, 8});
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile,
                      [] {
                        with(std::vector<uint32_t>{8, 4}).uint32_per_layer("key", 3);
                      }),
             "key key has 2 values, expected one for each of the 3 layers");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile,
                      [] {
                        with(std::vector<int32_t>{8, -4}).uint32_per_layer("key", 2);
                      }),
             "is -4");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(std::string("8")).uint32_per_layer("key", 2); }),
             "must be an integer or an array of integers, one per layer, is a string");
}

TEST_CASE("equal per-layer values collapse into one, different ones are refused") {
  CHECK(with(uint32_t{8}).uint32_for_all_layers("key", 3) == 8);
  CHECK(with(std::vector<uint32_t>{8, 8}).find_uint32_for_all_layers("key", 2) == 8u);
  CHECK_SAYS(error_of(ErrorCode::kUnsupported,
                      [] {
                        with(std::vector<uint32_t>{8, 4}).uint32_for_all_layers("key", 2);
                      }),
             "key key must be the same for all layers, is 8 in layer 0 and 4 in layer 1");
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [] { with(uint32_t{8}).uint32_for_all_layers("key", 0); }), "no layers");
}

TEST_CASE("text from a file is made fit for a message") {
  CHECK(printable("blk.0") == "blk.0");
  CHECK(printable(std::string_view("a\n\0\xff", 4)) == "a\\x0a\\x00\\xff");
  CHECK(printable(std::string(1000, 'x')) == std::string(100, 'x') + "...");
}
