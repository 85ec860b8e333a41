// What a good header says, and how much of a file is needed to know it.
#include "gguf/header.h"

#include <doctest/doctest.h>

#include <string>

#include "gguf/test/expect_error.h"
#include "gguf/test/gguf_bytes.h"

using namespace moeflow;
using namespace moeflow::gguf;
using namespace moeflow::gguf::test;

namespace {

Header parse(const std::string& file) {
  auto header = parse_header(as_bytes(file), file.size(), "m.gguf");
  REQUIRE(header.has_value());
  return std::move(*header);
}

}  // namespace

TEST_CASE("header: every value type is read") {
  const Metadata metadata = parse(sample_file().file()).metadata;
  CHECK(metadata.file_name() == "m.gguf");
  CHECK(metadata.entries().front().key == "general.architecture");
  CHECK(metadata.string("general.architecture") == "qwen3moe");
  CHECK(std::get<uint8_t>(*metadata.find("a.u8")) == 200);
  CHECK(std::get<int8_t>(*metadata.find("a.i8")) == -5);
  CHECK(std::get<uint16_t>(*metadata.find("a.u16")) == 60000);
  CHECK(std::get<int16_t>(*metadata.find("a.i16")) == -300);
  CHECK(std::get<uint32_t>(*metadata.find("qwen3moe.block_count")) == 2);
  CHECK(std::get<int32_t>(*metadata.find("a.i32")) == -70000);
  CHECK(std::get<float>(*metadata.find("a.f32")) == 1.5f);
  CHECK(std::get<bool>(*metadata.find("a.bool")));
  CHECK(std::get<uint64_t>(*metadata.find("a.u64")) == uint64_t{1} << 40);
  CHECK(std::get<int64_t>(*metadata.find("a.i64")) == -1);
  CHECK(std::get<double>(*metadata.find("a.f64")) == 0.25);
  CHECK(metadata.strings("tokenizer.ggml.tokens") == std::vector<std::string>{"a", "", "token"});
  CHECK(metadata.find_ints("list.u8") == std::vector<int64_t>{1, 2});
  CHECK(metadata.find_ints("list.i8") == std::vector<int64_t>{-1, 2});
  CHECK(metadata.find_ints("list.u16") == std::vector<int64_t>{7});
  CHECK(metadata.find_ints("list.i16") == std::vector<int64_t>{-7});
  CHECK(metadata.find_ints("list.u32") == std::vector<int64_t>{1, 2});
  CHECK(metadata.find_ints("list.i32") == std::vector<int64_t>{-1, 2});
  CHECK(metadata.find_floats("list.f32") == std::vector<float>{0.5f, -2.0f});
  CHECK(metadata.find_bools("list.bool") == std::vector<bool>{true, false, true});
  CHECK(metadata.find_ints("list.u64") == std::vector<int64_t>{9});
  CHECK(metadata.find_ints("list.i64") == std::vector<int64_t>{-9});
  CHECK(metadata.find_floats("list.f64") == std::vector<float>{0.125f});
}

TEST_CASE("header: tensors have their shape, type, size and absolute place") {
  const GgufBytes gguf = sample_file();
  const Header header = parse(gguf.file());
  CHECK(header.version == 3);
  CHECK(header.alignment == 32);
  CHECK(header.data_offset == gguf.aligned(gguf.header().size()));
  REQUIRE(header.tensors.size() == 4);

  const Tensor& embedding = header.tensors[0];
  CHECK(embedding.name == "token_embd.weight");
  CHECK(embedding.type == DType::kF32);
  CHECK(embedding.n_dims == 2);
  CHECK(embedding.dims == std::array<uint64_t, 4>{16, 4, 1, 1});
  CHECK(embedding.bytes == 256);
  CHECK(embedding.offset == header.data_offset);
  CHECK(embedding.file == 0);
  CHECK(shape_text(embedding) == "[16, 4]");

  const Tensor& norm = header.tensors[1];
  CHECK(norm.bytes == 20);
  CHECK(norm.offset == header.data_offset + 256);

  const Tensor& experts = header.tensors[2];
  CHECK(experts.type == DType::kQ4_K);
  CHECK(experts.rows() == 6);
  CHECK(experts.bytes == 6 * 144);
  CHECK(experts.offset == header.data_offset + 288);  // behind 20 bytes and their padding
  CHECK(shape_text(experts) == "[256, 2, 3]");

  CHECK(header.tensors[3].dims == std::array<uint64_t, 4>{32, 1, 2, 2});
}

TEST_CASE("header: versions 2 and 3 are read") {
  GgufBytes gguf = sample_file();
  gguf.version = 2;
  CHECK(parse(gguf.file()).version == 2);
}

TEST_CASE("header: a file may have no tensors and no metadata") {
  const Header header = parse(GgufBytes().header());
  CHECK(header.tensors.empty());
  CHECK(header.metadata.entries().empty());
}

TEST_CASE("header: the alignment comes from general.alignment") {
  GgufBytes gguf;
  gguf.alignment = 256;
  gguf.u32("general.alignment", 256).tensor({"a", {3}}).tensor({"b", {3}});
  const Header header = parse(gguf.file());
  CHECK(header.alignment == 256);
  CHECK(header.data_offset % 256 == 0);
  CHECK(header.tensors[1].offset == header.data_offset + 256);
}

TEST_CASE("header: the order of the data is free, gaps and trailing bytes are fine") {
  GgufBytes gguf;
  gguf.tensor({"last", {8}, 0, 0, 128}).tensor({"first", {8}, 0, 0, 0}).tensor({"middle", {8}, 0, 0, 64});
  std::string file = gguf.file();
  file.append(1000, 't');
  const Header header = parse(file);
  CHECK(header.tensors[0].offset == header.data_offset + 128);
  CHECK(header.tensors[1].offset == header.data_offset);
}

TEST_CASE("header: the data may end with the file, without padding") {
  GgufBytes gguf;
  gguf.tensor({"a", {3}});
  const std::string file = gguf.file();
  const Header header = parse(file);
  CHECK(header.tensors[0].offset + header.tensors[0].bytes == file.size());
}

TEST_CASE("header: a part of the header asks for more, all of it is enough without the data") {
  const GgufBytes gguf = sample_file();
  const std::string file = gguf.file();
  const size_t length = gguf.header().size();
  const auto bytes = as_bytes(file);
  CHECK_FALSE(parse_header(bytes.first(0), file.size(), "m.gguf"));
  CHECK_FALSE(parse_header(bytes.first(length - 1), file.size(), "m.gguf"));
  CHECK(parse_header(bytes.first(length), file.size(), "m.gguf"));
}

TEST_CASE("header: what is wrong is said as soon as it is seen, not when all bytes are there") {
  GgufBytes gguf = sample_file();
  gguf.magic = "ABCD";
  const std::string file = gguf.file();
  CHECK_SAYS(error_of(ErrorCode::kInvalidFile, [&] { parse_header(as_bytes(file).first(4), file.size(), "m.gguf"); }),
             "not a GGUF file");
}

TEST_CASE("header: a header beyond the limit is refused instead of being read") {
  GgufBytes gguf;
  gguf.key("big", 8, raw<uint64_t>(kMaxHeaderBytes));
  const std::string start = gguf.header();
  const auto parse_start = [&] { parse_header(as_bytes(start), uint64_t{1} << 40, "m.gguf"); };
  CHECK_SAYS(error_of(ErrorCode::kUnsupported, parse_start), "the header is larger than 256 MiB");
}
