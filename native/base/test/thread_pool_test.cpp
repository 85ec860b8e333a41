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

TEST_CASE("a task hears which index its thread will take next") {
  ThreadPool alone(1);
  std::vector<int64_t> order;
  alone.parallel(4, [&](int64_t i, int, int64_t next) {
    order.push_back(i);
    CHECK(next == (i < 3 ? i + 1 : -1));
  });
  CHECK(order == std::vector<int64_t>{0, 1, 2, 3});

  ThreadPool three(3);
  std::vector<std::atomic<int>> runs(100);
  three.parallel(100, [&](int64_t i, int, int64_t next) {
    CHECK((next == -1 || next == i + 1));
    ++runs[static_cast<size_t>(i)];
  });
  for (const std::atomic<int>& n : runs) CHECK(n == 1);
}

TEST_CASE("a thread that has nothing left takes over from one that is held up") {
  ThreadPool pool(2);
  for (const int64_t slow : {0, 99}) {  // the first task of one thread's range, the last of the other's
    std::atomic<int> others = 0;
    pool.parallel(100, [&](int64_t i, int) {
      if (i != slow) {
        ++others;
        return;
      }
      while (others < 99) std::this_thread::yield();  // ends only when all other tasks are done meanwhile
    });
    CHECK(others == 99);
  }
}
