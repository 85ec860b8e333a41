#include "experts/measure_reads.h"

#include <doctest/doctest.h>

#include "experts/test/each_method.h"
#include "gguf/test/expect_error.h"
#include "gguf/test/temporary_directory.h"

using namespace moeflow;
using namespace moeflow::test;
using namespace moeflow::gguf::test;

namespace {
const std::atomic<bool> kNotCancelled = false;
}  // namespace

TEST_CASE("measured reads: a speed, and how it came about") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("data", std::string(100'000, 'x'));
  ReadOptions options;
  options.method = each_method();
  options.bytes = 8192;
  options.depth = 3;
  const ReadSpeed speed = measure_reads(path, options, 0.01, kNotCancelled);
  CHECK(speed.bytes_per_second > 0);
  CHECK(speed.backend == (options.method == ReadMethod::kThreads ? "threads" : "io_uring"));
}

TEST_CASE("measured reads: what cannot be measured says why") {
  const TemporaryDirectory directory;
  const std::string path = directory.write("data", std::string(100'000, 'x'));
  ReadOptions options;
  const auto measure = [&] { measure_reads(path, options, 0.01, kNotCancelled); };
  CHECK_SAYS(error_of(ErrorCode::kInvalidArgument, measure), "has 100000 bytes, fewer than the 1048576 of one read");
  options.bytes = 65536;
  options.depth = 0;
  CHECK_SAYS(error_of(ErrorCode::kInvalidArgument, measure), "reads under way must be from 1 to");
  options.depth = 8;
  const std::atomic<bool> cancelled = true;
  error_of(ErrorCode::kCancelled, [&] { measure_reads(path, options, 10, cancelled); });
  const std::string none = directory.at("none");
  CHECK_SAYS(error_of(ErrorCode::kIo, [&] { measure_reads(none, options, 0.01, kNotCancelled); }), "cannot open");
}
