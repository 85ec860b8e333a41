// Reading weights by all threads: every byte, progress that only rises, and an end when cancelled or broken.
#include "experts/loading.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "gguf/test/expect_error.h"
#include "gguf/test/temporary_directory.h"

using namespace moeflow;
using gguf::test::error_of;
using gguf::test::TemporaryDirectory;

namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

std::string random_bytes(size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  uint32_t state = seed * 2654435761U + 1;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24);
  return bytes;
}

// Two files and room for what is read from them.
struct Load {
  TemporaryDirectory directory;
  std::vector<std::string> content;
  std::vector<gguf::File> files;
  std::vector<uint8_t> memory;
  std::vector<ReadJob> jobs;
  LoadedBytes bytes;

  explicit Load(std::vector<size_t> sizes) {
    for (size_t i = 0; i < sizes.size(); ++i) {
      content.push_back(random_bytes(sizes[i], static_cast<unsigned>(i)));
      files.emplace_back(directory.write("f" + std::to_string(i), content.back()));
    }
  }

  // Reads `count` runs of `size` bytes one after another from a file, behind what was asked for before.
  void want(uint32_t file, uint64_t offset, uint64_t size, int count = 1) {
    for (int i = 0; i < count; ++i) jobs.push_back({file, offset + static_cast<uint64_t>(i) * size, size, nullptr});
    bytes.in_all += size * static_cast<uint64_t>(count);
  }

  void run(int threads, const LoadControl& control) {
    memory.assign(bytes.in_all, 0);
    uint64_t at = 0;
    for (ReadJob& job : jobs) {
      job.to = memory.data() + at;
      at += job.bytes;
    }
    ThreadPool pool(threads);
    read_all(files, jobs, pool, control, bytes);
  }

  bool complete() const {
    for (const ReadJob& job : jobs) {
      if (content[job.file].compare(job.offset, job.bytes, reinterpret_cast<const char*>(job.to), job.bytes) != 0)
        return false;
    }
    return bytes.read == bytes.in_all;
  }
};

}  // namespace

TEST_CASE("every job's bytes arrive, small or larger than one read, by any number of threads") {
  for (const int threads : {1, 2, 4}) {
    Load load({9 * kMiB + 5, 1000});
    load.want(0, 3, 9 * kMiB + 1);  // cut into pieces of 4 MiB
    load.want(1, 0, 1, 500);
    load.want(1, 999, 1);
    load.want(0, 4 * kMiB, 0);
    load.want(0, 4 * kMiB - 1, 4 * kMiB);
    load.run(threads, {});
    CHECK(load.complete());
  }
}

TEST_CASE("progress rises with every call, one at a time, and ends at the total") {
  for (const int threads : {1, 4}) {
    Load load({64 * 1000});
    load.want(0, 0, 64, 1000);
    LoadControl control;
    std::vector<uint64_t> seen;
    std::atomic<int> inside = 0;
    control.progress = [&](uint64_t read, uint64_t in_all) {
      CHECK(++inside == 1);
      CHECK(in_all == 64000);
      seen.push_back(read);
      if (seen.size() % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the others queue up
      --inside;
    };
    load.run(threads, control);
    CHECK(load.complete());
    REQUIRE(seen.size() == 1000);
    CHECK(std::is_sorted(seen.begin(), seen.end()));
    CHECK(seen.back() == 64000);
  }
}

TEST_CASE("several parts of one load count together") {
  Load load({1000});
  load.want(0, 0, 500);
  load.bytes.read = 250;  // an earlier part
  load.bytes.in_all = 750;
  uint64_t last = 0;
  LoadControl control;
  control.progress = [&](uint64_t read, uint64_t in_all) {
    last = read;
    CHECK(in_all == 750);
  };
  load.run(1, control);
  CHECK(last == 750);
}

TEST_CASE("cancelling stops a load between two reads") {
  for (const int threads : {1, 3}) {
    Load load({64 * 1000});
    load.want(0, 0, 64, 1000);
    std::atomic<bool> cancelled = false;
    LoadControl control;
    control.cancelled = &cancelled;
    control.progress = [&](uint64_t read, uint64_t) {
      if (read >= 6400) cancelled = true;
    };
    CHECK_SAYS(error_of(ErrorCode::kCancelled, [&] { load.run(threads, control); }), "cancelled");
    CHECK(load.bytes.read >= 6400);
    CHECK(load.bytes.read <= 6400 + 64 * static_cast<uint64_t>(threads));
  }
}

TEST_CASE("a load that was cancelled before it began reads nothing") {
  Load load({100});
  load.want(0, 0, 100);
  const std::atomic<bool> cancelled = true;
  LoadControl control;
  control.cancelled = &cancelled;
  error_of(ErrorCode::kCancelled, [&] { load.run(2, control); });
  CHECK(load.bytes.read == 0);
}

TEST_CASE("a file that was cut short after it was opened is an error that names file and byte") {
  Load load({100, 20000});
  load.want(0, 0, 100);
  load.want(1, 0, 1000, 20);
  std::filesystem::resize_file(load.files[1].path(), 7500);
  for (const int threads : {1, 3}) {
    const std::string message = error_of(ErrorCode::kIo, [&] { load.run(threads, {}); });
    CHECK_SAYS(message, load.files[1].path());
    CHECK_SAYS(message, " at byte ");
    if (threads == 1)
      CHECK_SAYS(message, "at byte 7500: the file ends there, 500 bytes short (it had 20000 bytes when it was opened)");
  }
}
