// Direct reads give the file's bytes, also where the file ends within the last block or the system stops early.
#include "experts/direct_file.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <random>

#include "base/memory.h"
#include "gguf/test/expect_error.h"
#include "gguf/test/temporary_directory.h"

using namespace moeflow;
using namespace moeflow::gguf::test;

namespace {

constexpr uint64_t kBlock = kDirectAlignment;

std::string random_bytes(size_t count) {
  std::mt19937 random(3);
  std::string bytes(count, ' ');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

struct Data {
  std::string bytes = random_bytes(5 * kBlock + 100);
  TemporaryDirectory directory;
  std::string path = directory.write("data", bytes);
  DirectFile file{path};
  AlignedBuffer memory{8 * kBlock, "test"};
  std::string at(uint64_t offset, uint64_t count) const {
    return {reinterpret_cast<const char*>(memory.bytes()) + offset, count};
  }
};

}  // namespace

TEST_CASE("direct file: whole blocks, and the end of the file within one") {
  const Data data;
  data.file.read({kBlock, 2 * kBlock, 2 * kBlock, data.memory.bytes()});
  CHECK(data.at(0, 2 * kBlock) == data.bytes.substr(kBlock, 2 * kBlock));
  data.file.read({4 * kBlock, 2 * kBlock, kBlock + 100, data.memory.bytes()});
  CHECK(data.at(0, kBlock + 100) == data.bytes.substr(4 * kBlock));
  data.file.read({64 * kBlock, kBlock, 0, data.memory.bytes()});
}

TEST_CASE("direct file: a read past the end names the file and where it ends") {
  const Data data;
  const auto read = [&] { data.file.read({4 * kBlock, 2 * kBlock, kBlock + 101, data.memory.bytes()}); };
  CHECK(error_of(ErrorCode::kIo, read) ==
        "cannot read " + data.path +
            " at byte 20580: the file ends there, 1 bytes short (it had 20580 bytes when it was opened)");
}

TEST_CASE("direct file: a file that has changed is an error") {
  const Data data;
  std::filesystem::resize_file(data.path, data.bytes.size() + 1);
  const auto read = [&] { data.file.read({kBlock, kBlock, kBlock, data.memory.bytes()}); };
  CHECK_SAYS(error_of(ErrorCode::kIo, read), "at byte 4096: the file has changed since it was opened");
}

TEST_CASE("direct file: a read that stopped early goes on at the last whole block") {
  const Data data;
  DirectRead read = {0, 4 * kBlock, 3 * kBlock + 7, data.memory.bytes()};
  data.file.advance(read, kBlock + 5);
  CHECK(read.offset == kBlock);
  CHECK(read.bytes == 3 * kBlock);
  CHECK(read.needed == 2 * kBlock + 7);
  CHECK(read.to == data.memory.bytes() + kBlock);
  data.file.advance(read, 2 * kBlock + 7);
  CHECK(read.needed == 0);
}

TEST_CASE("direct file: what cannot be opened says why") {
  const TemporaryDirectory directory;
  const auto open = [&](const std::string& path) { return error_of(ErrorCode::kIo, [&] { DirectFile file(path); }); };
  CHECK(open(directory.at("none")) == "cannot open " + directory.at("none") + ": No such file or directory");
  CHECK(open(directory.path()) == "cannot read " + directory.path() + ": it is a directory, not a file");
}
