// Experts copied from one tier to the one above, whatever else is asked for meanwhile.
#include "experts/copy_store.h"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <thread>

#include "experts/test/cached_files.h"

using namespace moeflow;
using namespace moeflow::test;

namespace {

// A store over a cache of 4 experts, whose reads from the file are held up until they are let go.
struct HeldCopies {
  HeldCopies() {
    TestOptions options;
    options.reads.before_read = [this](uint32_t, uint64_t) {
      ++reads;
      while (hold) std::this_thread::yield();
    };
    auto cache = files.cache(4, options);
    const CachedExperts* lower = cache.get();
    store = std::make_unique<CopyStore>(files.layout, std::move(cache), lower, 0);
    for (auto& slot : slots) slot.resize(SlotPlan(files.layout, 2, SlotContent::kMatrices).most_bytes());
  }

  // Into the slot of the same index as the read.
  void fetch(size_t i, ExpertId id, ReadPriority priority) {
    store->fetch(reads_of[i], id, slots[i].data(), priority, false);
  }
  void wait_for(size_t i) {
    while (
        !store->wait(std::chrono::seconds(1), [&] { return reads_of[i].state() != BackgroundRead::State::kReading; })) {
    }
  }
  bool is_reading(size_t i) {
    return store->wait(std::chrono::seconds(0), [&] { return reads_of[i].state() == BackgroundRead::State::kReading; });
  }
  bool holds(size_t i, int layer, int expert) {
    return files.holds(store->weights({layer, expert}, slots[i].data()), layer, expert);
  }

  Files files;
  std::atomic<bool> hold = true;
  std::atomic<int> reads = 0;
  std::array<BackgroundRead, 4> reads_of;
  std::array<std::vector<uint8_t>, 4> slots;
  std::unique_ptr<CopyStore> store;  // first to go: it writes into the slots
};

}  // namespace

TEST_CASE("an expert that is wanted in two slots comes to both") {
  HeldCopies copies;
  copies.fetch(0, {1, 0}, ReadPriority::kDemand);
  while (copies.reads == 0) std::this_thread::yield();
  // As after a step that was cancelled; both wait while the first one is read.
  copies.fetch(1, {2, 3}, ReadPriority::kDemand);
  copies.fetch(2, {2, 3}, ReadPriority::kDemand);
  copies.fetch(3, {2, 1}, ReadPriority::kDemand);
  copies.hold = false;
  for (size_t i = 0; i < 4; ++i) copies.wait_for(i);
  CHECK(copies.holds(0, 1, 0));
  CHECK(copies.holds(1, 2, 3));
  CHECK(copies.holds(2, 2, 3));
  CHECK(copies.holds(3, 2, 1));
  const CacheCounters below = copies.store->lower_counters()[2];
  CHECK(below.misses == 2);
  CHECK(below.hits == 1);
}

TEST_CASE("a prefetch under way that somebody waits for by now does not wait for demands that came later") {
  HeldCopies copies;
  copies.fetch(0, {1, 0}, ReadPriority::kPrefetch);
  while (copies.reads == 0) std::this_thread::yield();
  copies.store->promote(copies.reads_of[0]);
  copies.fetch(1, {2, 3}, ReadPriority::kDemand);
  // Nothing tells when the thread has let go of the prefetch for the demand; it looks every few milliseconds.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  copies.hold = false;
  copies.wait_for(1);
  CHECK_FALSE(copies.is_reading(0));
  CHECK(copies.holds(0, 1, 0));
  CHECK(copies.holds(1, 2, 3));
}

TEST_CASE("a prefetch under way lets a demand go first") {
  HeldCopies copies;
  std::atomic<bool>& hold = copies.hold;
  copies.fetch(0, {1, 0}, ReadPriority::kPrefetch);
  while (copies.reads == 0) std::this_thread::yield();
  copies.fetch(1, {2, 3}, ReadPriority::kDemand);
  while (copies.reads < 2 * 3) std::this_thread::yield();  // the demand's reads have begun behind the held ones
  hold = false;
  copies.wait_for(0);
  copies.wait_for(1);
  CHECK(copies.holds(0, 1, 0));
  CHECK(copies.holds(1, 2, 3));
}
