#include "base/thread_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <vector>

using moeflow::ThreadPool;

TEST_CASE("a parallel region runs every task exactly once, on any number of threads") {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const int64_t count : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(count));
      pool.parallel(count, [&](int64_t i, int thread) {
        CHECK(thread >= 0);
        CHECK(thread < threads);
        ++runs[static_cast<size_t>(i)];
      });
      for (const std::atomic<int>& n : runs) CHECK(n == 1);
    }
  }
}

TEST_CASE("a region sees what the regions before it wrote, ten thousand times over") {
  ThreadPool pool(4);
  std::vector<int64_t> cells(16, 0);
  for (int64_t round = 0; round < 10000; ++round) {
    pool.parallel(16, [&](int64_t i, int) {
      const auto at = static_cast<size_t>((i + round) % 16);
      if (cells[at] != round) throw std::runtime_error("a cell was missed");
      cells[at] = round + 1;
    });
  }
  CHECK(cells == std::vector<int64_t>(16, 10000));
}

TEST_CASE("the first exception of a task reaches the caller, and the pool works on") {
  ThreadPool pool(3);
  for (int round = 0; round < 100; ++round) {
    CHECK_THROWS_WITH_AS(pool.parallel(50,
                                       [](int64_t i, int) {
                                         if (i == 20) throw std::runtime_error("task 20");
                                       }),
                         "task 20", std::runtime_error);
    std::atomic<int> ran = 0;
    pool.parallel(50, [&](int64_t, int) { ++ran; });
    CHECK(ran == 50);
  }
}

TEST_CASE("parked threads wake for the next region") {
  ThreadPool pool(2);
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // longer than they spin
    std::atomic<int> ran = 0;
    pool.parallel(8, [&](int64_t, int) { ++ran; });
    CHECK(ran == 8);
  }
}
