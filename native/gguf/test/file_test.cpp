#include "gguf/file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <utility>

#include "gguf/test/expect_error.h"
#include "gguf/test/gguf_bytes.h"
#include "gguf/test/temporary_directory.h"

using namespace moeflow;
using namespace moeflow::gguf;
using namespace moeflow::gguf::test;

TEST_CASE("file: reads bytes at an offset") {
  const TemporaryDirectory directory;
  File file(directory.write("data", "0123456789"));
  CHECK(file.bytes() == 10);
  std::string text(4, ' ');
  file.read_at(3, std::as_writable_bytes(std::span(text)));
  CHECK(text == "3456");

  File moved = std::move(file);
  moved.read_at(6, std::as_writable_bytes(std::span(text)));
  CHECK(text == "6789");
  moved.read_at(100, {});
}

TEST_CASE("file: a read past the end names the file and the offset") {
  const TemporaryDirectory directory;
  const File file(directory.write("data", "0123456789"));
  std::string text(4, ' ');
  const auto read = [&] { file.read_at(8, std::as_writable_bytes(std::span(text))); };
  CHECK(error_of(ErrorCode::kIo, read) == "cannot read " + file.path() +
                                              " at byte 10: the file ends there, 2 bytes short (it had 10 bytes when "
                                              "it was opened)");
}

TEST_CASE("file: what cannot be opened says why") {
  const TemporaryDirectory directory;
  const auto opening = [](const std::string& path) { return error_of(ErrorCode::kIo, [&] { File file(path); }); };
  CHECK(opening(directory.at("none")) == "cannot open " + directory.at("none") + ": No such file or directory");
  CHECK(opening(directory.path()) == "cannot read " + directory.path() + ": it is a directory, not a file");
  CHECK(opening("") == "cannot open : No such file or directory");
  CHECK_SAYS(error_of(ErrorCode::kInvalidArgument, [] { File file(std::string("a\0b", 3)); }), "zero byte");
}

TEST_CASE("file: a pipe is refused, not waited for") {
  const TemporaryDirectory directory;
  const std::string path = directory.at("pipe");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK_SAYS(error_of(ErrorCode::kIo, [&] { File file(path); }), "it is a pipe, not a file");
}
