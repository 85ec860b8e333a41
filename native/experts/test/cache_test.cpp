// Experts that come and go hold the file's bytes whenever they are handed out, and the counters say what happened.
#include "experts/cache.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "experts/test/cached_files.h"

using namespace moeflow;
using namespace moeflow::test;

namespace {

// As tokens do that are being generated.
std::span<const int32_t> ask(CachedExperts& cache, int layer, const std::vector<int32_t>& experts) {
  return cache.request(layer, experts, experts.size());
}

void foresee(CachedExperts& cache, int layer, const std::vector<int32_t>& experts) {
  cache.expect(layer, experts, false);
}

// Uses experts as a layer does; returns how many were there at once.
size_t use(CachedExperts& cache, const Files& files, int layer, const std::vector<int32_t>& experts) {
  std::map<int32_t, int> seen;
  std::span<const int32_t> ready = ask(cache, layer, experts);
  const size_t at_once = ready.size();
  do {
    for (const int32_t expert : ready) {
      ++seen[expert];
      CHECK(files.holds(cache.weights({layer, expert}), layer, expert));
    }
    ready = cache.next(nullptr);
  } while (!ready.empty());
  CHECK(seen.size() == experts.size());
  for (const int32_t expert : experts) CHECK(seen[expert] == 1);
  return at_once;
}

std::string message_of(const std::function<void()>& action, ErrorCode code) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE("each expert is handed out once, with exactly the file's bytes, in any layout and with any number of slots") {
  const ReadMethod method = each_method();
  for (const Layout layout : {Layout::kStacks, Layout::kMerged, Layout::kPerExpert}) {
    const Files files(layout, method);
    for (uint64_t slots = 2; slots <= 8; ++slots) {
      CAPTURE(static_cast<int>(layout));
      CAPTURE(slots);
      const auto cache = files.cache(slots);
      CHECK(cache->slots() == static_cast<int>(slots));
      std::mt19937 random(static_cast<unsigned>(slots));
      for (int round = 0; round < 40; ++round) {
        std::vector<int32_t> experts;
        for (int32_t e = 0; e < 4; ++e) {
          if (random() % 2 != 0) experts.push_back(e);
        }
        use(*cache, files, 1 + round % 2, experts);
      }
    }
  }
}

TEST_CASE("hits, misses and bytes are those of a recount by hand") {
  const Files files;
  TestOptions options;
  options.policy = "lru";
  // Slow enough to be waited for, on any device.
  options.reads.before_read = [](uint32_t, uint64_t) { std::this_thread::sleep_for(std::chrono::microseconds(200)); };
  const auto cache = files.cache(2, options);
  CHECK(use(*cache, files, 1, {0, 1}) == 0);
  CHECK(use(*cache, files, 1, {0, 1}) == 2);
  CHECK(use(*cache, files, 1, {1, 2}) == 1);  // 0 leaves
  CHECK(use(*cache, files, 2, {1}) == 0);     // another layer's 1; 1 of layer 1 leaves
  CHECK(use(*cache, files, 1, {2}) == 1);
  CHECK(use(*cache, files, 1, {0, 1, 2, 3}) == 1);  // more than there are slots for: one after the other
  const CacheCounters counters = cache->counters();
  CHECK(counters.hits == 5);
  CHECK(counters.misses == 7);
  CHECK(counters.late_hits == 0);
  // Gate and up are 2176 bytes, down 8192; each is read in whole blocks of 4096.
  CHECK(counters.bytes_read >= 7 * (2 * 2176 + 8192));
  CHECK(counters.bytes_read <= 7 * (2 * 2 + 3) * 4096);
  CHECK(counters.stall_seconds > 0);
}

TEST_CASE("on random routing every policy hits in slots / experts of the cases") {
  const Files files;
  for (const char* policy : {"lru", "lfu", "lfru", "least-stale", "s3-fifo", "static", "plec"}) {
    CAPTURE(policy);
    TestOptions options;
    options.policy = policy;
    options.hot = {{1, 0}, {1, 1}, {2, 1}};
    const auto cache = files.cache(4, options);
    std::mt19937 random(5);
    for (int i = 0; i < 4000; ++i)
      use(*cache, files, 1 + static_cast<int>(random() % 2), {static_cast<int32_t>(random() % 4)});
    // 4000 uses at a probability of one half: 3 standard deviations are 95.
    CHECK(cache->counters().hits == doctest::Approx(2000).epsilon(0.0475));
  }
}

TEST_CASE("an expert that is on its way is waited for, not read again") {
  const Files files;
  std::atomic<bool> hold = true;
  TestOptions options;
  options.reads.before_read = [&](uint32_t, uint64_t) {
    while (hold) std::this_thread::yield();
  };
  const auto cache = files.cache(4, options);
  CHECK(ask(*cache, 1, {0, 1}).empty());
  // The step was given up; the next one wants one of the two.
  CHECK(ask(*cache, 1, {1}).empty());
  hold = false;
  const auto ready = cache->next(nullptr);
  REQUIRE(ready.size() == 1);
  CHECK(ready[0] == 1);
  CHECK(files.holds(cache->weights({1, 1}), 1, 1));
  CHECK(cache->next(nullptr).empty());
  CHECK(cache->counters().misses == 2);
  CHECK(cache->counters().late_hits == 1);
}

TEST_CASE("experts fetched ahead are hits when their layer comes") {
  const Files files;
  const auto cache = files.cache(4);
  use(*cache, files, 1, {0, 1});
  foresee(*cache, 2, {3});
  while (use(*cache, files, 2, {3}) == 0) {  // until it has arrived
  }
  CHECK(cache->counters().prefetches == 1);
  CHECK(cache->counters().misses == 2);
  CHECK(cache->counters().wasted_prefetches == 0);
}

TEST_CASE("what is foreseen of later uses says who stays") {
  const Files files;
  const std::vector<float> improbable(4, 0.0F);
  const auto hits_after = [&](const std::vector<float>& later) {
    const auto cache = files.cache(4);
    use(*cache, files, 1, {0, 1});
    use(*cache, files, 1, {2, 3});
    cache->foresee(1, improbable, later);
    use(*cache, files, 2, {0, 1});
    return use(*cache, files, 1, {0, 1});
  };
  CHECK(hits_after({1, 1, 0, 0}) == 2);
  CHECK(hits_after({0, 0, 1, 1}) == 0);
}

TEST_CASE("experts fetched ahead stay until nothing else can leave, and are wasted when they leave unused") {
  const Files files;
  std::atomic<int> reads = 0;
  TestOptions options;
  options.reads.depth = 1;
  options.reads.before_read = [&](uint32_t, uint64_t) { ++reads; };
  const auto cache = files.cache(4, options);
  use(*cache, files, 1, {0, 1});
  foresee(*cache, 2, {3, 1});
  while (reads < 4 * 3) std::this_thread::yield();
  use(*cache, files, 1, {2});  // in the place of 0 or 1; one at a time, so the others have arrived
  CHECK(cache->counters().wasted_prefetches == 0);
  use(*cache, files, 1, {0, 1, 2, 3});  // two of them are there and in use
  CHECK(cache->counters().wasted_prefetches == 2);
}

TEST_CASE("what is fetched ahead takes neither a place in use, nor one fetched ahead, nor more than half") {
  const Files files;
  const auto cache = files.cache(4);
  use(*cache, files, 1, {2, 3});
  while (ask(*cache, 1, {2, 3}).size() < 2) {
  }
  foresee(*cache, 2, {0, 1, 2, 3});
  CHECK(files.holds(cache->weights({1, 2}), 1, 2));
  CHECK(files.holds(cache->weights({1, 3}), 1, 3));
  CHECK(cache->next(nullptr).empty());
  foresee(*cache, 2, {2, 3});
  while (use(*cache, files, 2, {0, 1}) < 2) {
  }
  CHECK(cache->counters().prefetches == 2);
  CHECK(cache->counters().misses == 2);
}

TEST_CASE("a demand overtakes what is fetched ahead, and a prefetch that is needed becomes a demand") {
  const Files files;
  std::atomic<bool> hold = true;
  std::mutex mutex;
  std::vector<uint64_t> order;
  TestOptions options;
  options.reads.depth = 1;
  options.reads.before_read = [&](uint32_t, uint64_t offset) {
    while (hold) std::this_thread::yield();
    const std::lock_guard lock(mutex);
    order.push_back(offset);
  };
  const auto cache = files.cache(8, options);
  const auto offset_of = [&](int layer, int expert, ExpertPart part) {
    return align_down(files.layout[static_cast<size_t>(layer)][static_cast<size_t>(expert)].part[part].offset);
  };
  ask(*cache, 1, {0});  // one at a time: busy with this one
  foresee(*cache, 2, {0, 1, 2});
  CHECK(ask(*cache, 2, {2, 3}).empty());
  hold = false;
  for (size_t seen = 0; seen < 2;) seen += cache->next(nullptr).size();
  CHECK(cache->next(nullptr).empty());
  CHECK(cache->counters().late_hits == 1);
  CHECK(cache->counters().misses == 2);
  while (use(*cache, files, 2, {0, 1}) < 2) {
  }
  // The last: other matrices may begin in the same block.
  const auto place = [&](int expert) {
    return std::find(order.rbegin(), order.rend(), offset_of(2, expert, kDown)).base() - order.begin();
  };
  CHECK(place(2) < place(0));
  CHECK(place(3) < place(0));
  CHECK(place(0) < place(1));
}

TEST_CASE("a prefetch for a layer that turns out not to need it is given up, unless it has begun") {
  const Files files;
  std::atomic<bool> hold = true;
  std::atomic<int> reads = 0;
  TestOptions options;
  options.reads.depth = 1;
  options.reads.before_read = [&](uint32_t, uint64_t) {
    ++reads;
    while (hold) std::this_thread::yield();
  };
  const auto cache = files.cache(8, options);
  foresee(*cache, 2, {0, 1, 2});
  while (reads == 0) std::this_thread::yield();  // the first piece of 0
  CHECK(ask(*cache, 2, {2}).empty());            // 1 is given up, and the rest of 0
  hold = false;
  CHECK(cache->next(nullptr).size() == 1);
  CHECK(cache->next(nullptr).empty());
  CHECK(reads == 1 + 3);
  CHECK(cache->counters().late_hits == 1);
  CHECK(cache->counters().prefetches == 1);
  const uint64_t gate = 4096, expert = 3 * 4096;  // at most a block more each
  CHECK(cache->counters().bytes_read >= gate + expert);
  CHECK(cache->counters().bytes_read <= gate + expert + 4 * 4096);
  use(*cache, files, 2, {0, 1, 2, 3});
  CHECK(cache->counters().wasted_prefetches == 0);
  CHECK(cache->counters().misses == 3);
}

TEST_CASE("a prefetch that fails is as if it had never been") {
  const Files files;
  std::atomic<bool> broken = true;
  std::atomic<int> tried = 0;
  TestOptions options;
  options.reads.before_read = [&](uint32_t, uint64_t) {
    ++tried;
    if (broken) throw std::runtime_error("the disk is gone");
  };
  const auto cache = files.cache(4, options);
  foresee(*cache, 2, {0, 1});
  while (tried < 6) std::this_thread::yield();
  broken = false;
  use(*cache, files, 2, {0, 1, 2, 3});
}

TEST_CASE("the order in which reads end changes nothing") {
  const Files files;
  TestOptions options;
  std::atomic<unsigned> reads = 0;
  options.reads.before_read = [&](uint32_t, uint64_t) {
    std::this_thread::sleep_for(std::chrono::microseconds(reads.fetch_add(1) * 7919 % 700));
  };
  const auto cache = files.cache(3, options);
  for (int round = 0; round < 30; ++round) use(*cache, files, 1 + round % 2, {0, 1, 2, 3});
}

TEST_CASE("a failed read is an error that names the expert, and everything else works on") {
  const Files files;
  std::atomic<bool> broken = true;
  TestOptions options;
  options.reads.before_read = [&](uint32_t, uint64_t) {
    if (broken) throw std::runtime_error("the disk is gone");
  };
  const auto cache = files.cache(4, options);
  for (int i = 0; i < 3; ++i) {
    const std::string message = message_of(
        [&] {
          ask(*cache, 2, {3});
          cache->next(nullptr);
        },
        ErrorCode::kIo);
    CHECK(message == "expert 3 of layer 2: the disk is gone");
  }
  broken = false;
  use(*cache, files, 2, {0, 3});
  use(*cache, files, 1, {0, 1, 2, 3});
}

TEST_CASE("who waits for a read that somebody else began is not hit by its failure, but reads again") {
  const Files files;
  std::atomic<bool> hold = true;
  std::atomic<bool> broken = true;
  TestOptions options;
  options.reads.before_read = [&](uint32_t, uint64_t) {
    while (hold) std::this_thread::yield();
    if (broken.exchange(false)) throw std::runtime_error("the disk was gone");
  };
  const auto cache = files.cache(4, options);
  ask(*cache, 1, {2});  // given up
  CHECK(ask(*cache, 1, {2}).empty());
  hold = false;
  const auto ready = cache->next(nullptr);
  REQUIRE(ready.size() == 1);
  CHECK(files.holds(cache->weights({1, 2}), 1, 2));
}

TEST_CASE("a read that fails for a request that was given up does not take the slot from the next request") {
  const Files files;
  std::atomic<bool> hold = true;
  std::atomic<int> begun = 0;
  const int failures = 6;  // three pieces each of the first two
  TestOptions options;
  options.reads.before_read = [&](uint32_t, uint64_t) {
    const bool fails = begun.fetch_add(1) < failures;
    while (hold) std::this_thread::yield();
    if (fails) throw std::runtime_error("the disk was gone");
  };
  const auto cache = files.cache(2, options);
  // 2 and 3 have taken the slots on paper, into which 0 and 1 are read, and are given up before they are read.
  CHECK(ask(*cache, 1, {0, 1, 2, 3}).empty());
  CHECK(ask(*cache, 1, {0, 1}).empty());
  while (begun < failures) std::this_thread::yield();
  hold = false;
  for (size_t seen = 0; seen < 2;) {
    for (const int32_t expert : cache->next(nullptr)) {
      CHECK(files.holds(cache->weights({1, expert}), 1, expert));
      ++seen;
    }
  }
  CHECK(cache->next(nullptr).empty());
  CHECK(use(*cache, files, 1, {0, 1}) == 2);
}

TEST_CASE("a file that ends too early, or has changed, is an error with the place") {
  const Files files;
  const auto cache = files.cache(4);
  use(*cache, files, 1, {0});
  std::filesystem::resize_file(files.path, std::filesystem::file_size(files.path) - 4096);
  const auto read = [&] {
    ask(*cache, 2, {3});
    cache->next(nullptr);
  };
  const std::string shorter = message_of(read, ErrorCode::kIo);
  CHECK(shorter.find("expert 3 of layer 2: cannot read " + files.path + " at byte ") == 0);
  const auto again = [&] {
    ask(*cache, 1, {1});
    cache->next(nullptr);
  };
  CHECK(message_of(again, ErrorCode::kIo).find("the file has changed since it was opened") != std::string::npos);
  use(*cache, files, 1, {0});  // is in memory
}

TEST_CASE("waiting for a read ends when the step is cancelled") {
  const Files files;
  std::atomic<bool> hold = true;
  TestOptions options;
  options.reads.before_read = [&](uint32_t, uint64_t) {
    while (hold) std::this_thread::yield();
  };
  const auto cache = files.cache(2, options);
  const std::atomic<bool> cancelled = true;
  ask(*cache, 1, {0});
  message_of([&] { cache->next(&cancelled); }, ErrorCode::kCancelled);
  hold = false;
  use(*cache, files, 1, {0, 1, 2});
}

TEST_CASE("slots for fewer experts than a token uses are refused, with what would do") {
  const Files files;
  TestOptions options;
  options.bytes = SlotPlan(files.layout, 2).fewest_bytes() - 1;
  const auto make = [&] { files.cache_of(options); };
  const std::string message = message_of(make, ErrorCode::kInvalidArgument);
  CHECK(message.find(std::to_string(options.bytes + 1)) != std::string::npos);
  ++options.bytes;
  CHECK(files.cache_of(options)->slots() == 2);
}
