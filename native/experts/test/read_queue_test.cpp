// Pieces arrive whole and where they belong, in the order of their priority, by every way of reading.
#include "experts/read_queue.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <thread>

#include "base/memory.h"
#include "experts/test/each_method.h"
#include "gguf/test/expect_error.h"
#include "gguf/test/temporary_directory.h"

using namespace moeflow;
using namespace moeflow::test;
using namespace moeflow::gguf::test;

namespace {

constexpr uint64_t kBlock = kDirectAlignment;
using State = BackgroundRead::State;

std::string random_bytes(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(count, ' ');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// Two files, and memory to read into.
struct Data {
  std::string bytes[2] = {random_bytes(64 * kBlock, 1), random_bytes(20 * kBlock + 17, 2)};
  TemporaryDirectory directory;
  std::vector<std::string> paths = {directory.write("a", bytes[0]), directory.write("b", bytes[1])};
  AlignedBuffer memory{256 * kBlock, "test"};
  ReadOptions options;

  explicit Data(ReadMethod method = each_method()) {
    options.method = method;
    options.bytes = 2 * kBlock;
  }

  // `blocks` of a file to block `to` of the memory.
  ReadRange range(uint32_t file, uint64_t block, uint64_t blocks, uint64_t to) const {
    const uint64_t needed = std::min(blocks * kBlock, bytes[file].size() - block * kBlock);
    return {file, block * kBlock, blocks * kBlock, needed, memory.bytes() + to * kBlock};
  }
  bool arrived(const ReadRange& range) const {
    return std::memcmp(range.to, bytes[range.file].data() + range.offset, range.needed) == 0;
  }
};

State wait_for(ReadQueue& queue, const BackgroundRead& read) {
  State state = State::kIdle;
  queue.wait(std::chrono::seconds(20), [&] {
    state = read.state();
    return state != State::kReading;
  });
  return state;
}

}  // namespace

TEST_CASE("read queue: many reads at once, each with exactly the files' bytes") {
  Data data;
  for (const int depth : {1, 3, 32}) {
    CAPTURE(depth);
    data.options.depth = depth;
    ReadQueue queue(data.paths, data.options);
    for (int round = 0; round < 20; ++round) {
      std::memset(data.memory.bytes(), 0, data.memory.size());
      std::vector<BackgroundRead> reads(16);
      std::vector<ReadRange> ranges;
      for (size_t i = 0; i < reads.size(); ++i) {
        ranges.push_back(data.range(0, i * 4 % 60, 1 + i % 5, i * 16));
        ranges.push_back(data.range(1, i, 21 - i > 5 ? 5 : 21 - i, i * 16 + 8));
        const auto priority = i % 2 == 0 ? ReadPriority::kDemand : ReadPriority::kPrefetch;
        queue.submit(reads[i], {&ranges[2 * i], 2}, priority);
      }
      for (const BackgroundRead& read : reads) CHECK(wait_for(queue, read) == State::kDone);
      for (const ReadRange& range : ranges) CHECK(data.arrived(range));
    }
  }
}

TEST_CASE("read queue: a failed piece fails its read with file and place, and no other") {
  Data data;
  ReadQueue queue(data.paths, data.options);
  ReadRange late = data.range(1, 18, 3, 0);
  late.needed += 1;
  const ReadRange good = data.range(0, 3, 9, 8);
  BackgroundRead fails;
  BackgroundRead succeeds;
  queue.submit(fails, {&late, 1}, ReadPriority::kDemand);
  queue.submit(succeeds, {&good, 1}, ReadPriority::kDemand);
  CHECK(wait_for(queue, succeeds) == State::kDone);
  CHECK(data.arrived(good));
  CHECK(wait_for(queue, fails) == State::kFailed);
  CHECK(fails.error() == "cannot read " + data.paths[1] +
                             " at byte 81937: the file ends there, 1 bytes short (it had 81937 bytes when it was "
                             "opened)");
  late.needed -= 1;
  queue.submit(fails, {&late, 1}, ReadPriority::kDemand);
  CHECK(wait_for(queue, fails) == State::kDone);
  std::filesystem::resize_file(data.paths[0], data.bytes[0].size() + 1);
  queue.submit(succeeds, {&good, 1}, ReadPriority::kDemand);
  CHECK(wait_for(queue, succeeds) == State::kFailed);
  CHECK_SAYS(succeeds.error(), "the file has changed since it was opened");
}

TEST_CASE("read queue: memory that cannot be written to is an error of the system's, with the place") {
  Data data;
  ReadQueue queue(data.paths, data.options);
  BackgroundRead read;
  const ReadRange nowhere = {0, 5 * kBlock, kBlock, kBlock, reinterpret_cast<uint8_t*>(kBlock)};
  queue.submit(read, {&nowhere, 1}, ReadPriority::kDemand);
  CHECK(wait_for(queue, read) == State::kFailed);
  CHECK(read.error() == "cannot read " + data.paths[0] + " at byte 20480: Bad address");
}

TEST_CASE("read queue: a read is not held up by another whose time before reading is long") {
  Data data;
  std::atomic<bool> hold = true;
  data.options.depth = 2;
  data.options.before_read = [&](uint32_t file, uint64_t) {
    while (file == 1 && hold) std::this_thread::yield();
  };
  ReadQueue queue(data.paths, data.options);
  const ReadRange slow = data.range(1, 0, 2, 0);
  const ReadRange quick = data.range(0, 0, 20, 8);
  BackgroundRead held;
  BackgroundRead passing;
  queue.submit(held, {&slow, 1}, ReadPriority::kDemand);
  queue.submit(passing, {&quick, 1}, ReadPriority::kPrefetch);
  CHECK(wait_for(queue, passing) == State::kDone);
  CHECK(data.arrived(quick));
  hold = false;
  CHECK(wait_for(queue, held) == State::kDone);
}

TEST_CASE("read queue: demands go first, what is promoted is one, and what is given up is not read") {
  Data data;
  std::atomic<bool> hold = true;
  std::atomic<int> begun = 0;
  std::vector<uint64_t> order;
  data.options.depth = 1;
  data.options.before_read = [&](uint32_t, uint64_t offset) {
    ++begun;
    while (hold) std::this_thread::yield();
    order.push_back(offset / kBlock);
  };
  ReadQueue queue(data.paths, data.options);
  BackgroundRead reads[5];
  ReadRange ranges[5];
  for (uint64_t i = 0; i < 5; ++i) ranges[i] = data.range(0, 10 * i, i == 0 ? 4 : 2, 8 * i);
  const auto submit = [&](size_t i, ReadPriority priority) { queue.submit(reads[i], {&ranges[i], 1}, priority); };
  submit(0, ReadPriority::kPrefetch);
  while (begun == 0) std::this_thread::yield();
  submit(1, ReadPriority::kPrefetch);
  submit(2, ReadPriority::kPrefetch);
  submit(3, ReadPriority::kPrefetch);
  submit(4, ReadPriority::kDemand);
  queue.promote(reads[3]);
  CHECK(queue.cancel(reads[1]));
  CHECK(reads[1].state() == State::kFailed);
  CHECK(reads[1].error() == "given up");
  CHECK_FALSE(queue.cancel(reads[0]));  // its first piece has begun
  hold = false;
  CHECK(wait_for(queue, reads[2]) == State::kDone);
  CHECK(wait_for(queue, reads[0]) == State::kFailed);
  CHECK(order == std::vector<uint64_t>{0, 40, 30, 20});
}

TEST_CASE("read queue: what is called before a piece may throw, and that is the read's error") {
  Data data;
  data.options.before_read = [](uint32_t file, uint64_t) {
    if (file == 1) throw std::runtime_error("the disk is gone");
  };
  ReadQueue queue(data.paths, data.options);
  const ReadRange ranges[2] = {data.range(0, 0, 4, 0), data.range(1, 0, 4, 8)};
  BackgroundRead read;
  queue.submit(read, ranges, ReadPriority::kDemand);
  CHECK(wait_for(queue, read) == State::kFailed);
  CHECK(read.error() == "the disk is gone");
}

TEST_CASE("read queue: it can end with reads under way and others waiting, at any moment") {
  Data data;
  data.options.depth = 4;
  for (int round = 0; round < 50; ++round) {
    std::vector<BackgroundRead> reads(40);
    ReadQueue queue(data.paths, data.options);
    for (size_t i = 0; i < reads.size(); ++i) {
      const ReadRange range = data.range(0, i, 6, 6 * i);
      queue.submit(reads[i], {&range, 1}, ReadPriority::kPrefetch);
    }
    if (round % 2 == 0) wait_for(queue, reads[static_cast<size_t>(round) % 4]);
  }
}

TEST_CASE("read queue: a range of which nothing is needed is finished, and wakes who waits") {
  Data data;
  ReadQueue queue(data.paths, data.options);
  ReadRange none = data.range(0, 0, 8, 0);
  none.needed = 0;
  BackgroundRead read;
  queue.submit(read, {&none, 1}, ReadPriority::kDemand);
  CHECK(wait_for(queue, read) == State::kDone);
}

TEST_CASE("read queue: it says how it reads, and options out of range are refused") {
  Data data(ReadMethod::kThreads);
  CHECK(std::string(ReadQueue(data.paths, data.options).backend()) == "threads");
  data.options.method = ReadMethod::kIoUring;
  if (Ring::open(1)) {
    CHECK(std::string(ReadQueue(data.paths, data.options).backend()) == "io_uring");
  } else {
    CHECK_SAYS(error_of(ErrorCode::kUnsupported, [&] { ReadQueue(data.paths, data.options); }), "read by threads");
  }
  const auto refusal = [&](ReadOptions options) {
    return error_of(ErrorCode::kInvalidArgument, [&] { ReadQueue(data.paths, options); });
  };
  for (const uint64_t bytes : {uint64_t{0}, kBlock + 512, kMostReadBytes + kBlock}) {
    CHECK_SAYS(refusal({ReadMethod::kAuto, bytes, 8, nullptr}), "a multiple of 4096 from 4096 to 67108864, are ");
  }
  for (const int depth : {0, kMostReadDepth + 1}) {
    CHECK_SAYS(refusal({ReadMethod::kAuto, kBlock, depth, nullptr}), "must be from 1 to 256, are ");
  }
  CHECK(read_method("threads") == ReadMethod::kThreads);
  CHECK_SAYS(error_of(ErrorCode::kInvalidArgument, [] { read_method("aio"); }), "is aio");
}
