// The engine's thread: jobs in order, cancelling from anywhere, an orderly end. Meant for ThreadSanitizer as well.
#include "engine/host.h"

#include <doctest/doctest.h>

#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "engine/test/engine_runs.h"
#include "gguf/test/expect_error.h"

using namespace moeflow;
using namespace moeflow::test;
using gguf::test::error_of;

namespace {

CancelFlag flag() { return std::make_shared<std::atomic<bool>>(false); }

// Waits until everything posted before has run.
void drain(EngineHost& host) {
  std::promise<void> done;
  host.post([&](std::unique_ptr<Engine>&, const std::atomic<bool>&) { done.set_value(); }, flag());
  done.get_future().wait();
}

// Keeps the host busy until it is cancelled.
void run_until_cancelled(EngineHost& host, const CancelFlag& cancel, std::atomic<bool>& ended) {
  std::promise<void> started;
  host.post(
      [&](std::unique_ptr<Engine>&, const std::atomic<bool>& cancelled) {
        started.set_value();
        while (!cancelled) std::this_thread::yield();
        ended = true;
      },
      cancel);
  started.get_future().wait();
}

}  // namespace

TEST_CASE("jobs run one after another, in the order in which they were posted, on one thread") {
  EngineHost host;
  std::vector<int> order;  // touched by the host's thread only, until drained
  std::vector<std::thread::id> threads;
  for (int i = 0; i < 1000; ++i) {
    host.post(
        [&, i](std::unique_ptr<Engine>&, const std::atomic<bool>&) {
          order.push_back(i);
          threads.push_back(std::this_thread::get_id());
        },
        flag());
  }
  drain(host);
  REQUIRE(order.size() == 1000);
  for (int i = 0; i < 1000; ++i) CHECK(order[static_cast<size_t>(i)] == i);
  CHECK(threads[0] != std::this_thread::get_id());
  for (const std::thread::id id : threads) CHECK(id == threads[0]);
}

TEST_CASE("cancelling all reaches the running job and those that wait, not the ones that come later") {
  EngineHost host;
  std::atomic<bool> ended = false;
  const CancelFlag running = flag();
  run_until_cancelled(host, running, ended);
  std::vector<CancelFlag> waiting;
  std::atomic<int> ran_cancelled = 0;
  for (int i = 0; i < 5; ++i) {
    waiting.push_back(flag());
    host.post([&](std::unique_ptr<Engine>&, const std::atomic<bool>& cancelled) { ran_cancelled += cancelled; },
              waiting.back());
  }
  host.cancel_all();
  CHECK(*running);
  for (const CancelFlag& cancel : waiting) CHECK(*cancel);
  const CancelFlag later = flag();
  bool later_cancelled = true;
  host.post([&](std::unique_ptr<Engine>&, const std::atomic<bool>& cancelled) { later_cancelled = cancelled; }, later);
  drain(host);
  CHECK(ended);
  CHECK(ran_cancelled == 5);  // every job is run, so that whoever waits for it hears of its end
  CHECK_FALSE(later_cancelled);
  host.cancel_all();  // nothing to cancel
  CHECK_FALSE(*later);
}

TEST_CASE("one job can be cancelled alone") {
  EngineHost host;
  std::atomic<bool> ended = false;
  const CancelFlag running = flag();
  run_until_cancelled(host, running, ended);
  const CancelFlag other = flag();
  bool other_cancelled = true;
  host.post([&](std::unique_ptr<Engine>&, const std::atomic<bool>& cancelled) { other_cancelled = cancelled; }, other);
  *running = true;
  drain(host);
  CHECK(ended);
  CHECK_FALSE(other_cancelled);
}

TEST_CASE("shutting down cancels a long job, waits for its end and runs those that wait") {
  std::atomic<bool> ended = false;
  std::atomic<int> ran = 0;
  EngineHost host;
  const CancelFlag running = flag();
  run_until_cancelled(host, running, ended);
  for (int i = 0; i < 3; ++i) {
    host.post([&](std::unique_ptr<Engine>&, const std::atomic<bool>& cancelled) { ran += cancelled; }, flag());
  }
  host.shut_down();
  CHECK(ended);
  CHECK(ran == 3);
  const auto post = [&] { host.post([&](std::unique_ptr<Engine>&, const std::atomic<bool>&) { ++ran; }, flag()); };
  CHECK_SAYS(error_of(ErrorCode::kDisposed, post), "disposed");
  host.shut_down();  // again
  host.cancel_all();
  CHECK(ran == 3);
}

TEST_CASE("a host that was never used, or is destroyed with jobs waiting, ends in order") {
  { const EngineHost host; }
  std::atomic<int> ran = 0;
  {
    EngineHost host;
    for (int i = 0; i < 100; ++i) host.post([&](std::unique_ptr<Engine>&, const std::atomic<bool>&) { ++ran; }, flag());
  }
  CHECK(ran == 100);
}

TEST_CASE("many threads post, cancel and shut down at once") {
  for (int round = 0; round < 20; ++round) {
    EngineHost host;
    std::atomic<int> posted = 0;
    std::atomic<int> refused = 0;
    int ran = 0;  // by the host's thread only
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) {
          try {
            host.post([&](std::unique_ptr<Engine>&, const std::atomic<bool>&) { ++ran; }, flag());
            ++posted;
          } catch (const Error& error) {
            refused += error.code() == ErrorCode::kDisposed;
          }
          if (i % 50 == 0) host.cancel_all();
        }
      });
    }
    if (round % 2 == 0) {
      while (posted < 300) std::this_thread::yield();
      host.shut_down();
    }
    for (std::thread& thread : threads) thread.join();
    host.shut_down();
    CHECK(ran == posted);
    CHECK(posted + refused == 1200);
    if (round % 2 == 1) CHECK(refused == 0);
  }
}

TEST_CASE("an engine lives on the host's thread: loaded, stepped, cancelled, unloaded") {
  TinyOptions options;
  options.q8_0 = true;
  const TinyFile file(options);
  const std::vector<int32_t> tokens = random_tokens(100, 1);
  const Outcome expected = run_alone(*file.engine(2), tokens);
  EngineHost host;
  host.post([&](std::unique_ptr<Engine>& engine, const std::atomic<bool>&) { engine = file.engine(2); }, flag());
  Outcome outcome;
  int cancelled_steps = 0;
  for (int i = 0; i < 20; ++i) {
    const CancelFlag cancel = flag();
    std::promise<void> started;
    host.post(
        [&](std::unique_ptr<Engine>& engine, const std::atomic<bool>& cancelled) {
          const int32_t sequence = engine->create_sequence();
          started.set_value();
          try {
            Outcome found;
            found.append(engine->step({ask(sequence, tokens)}, cancelled)[0]);
            outcome = found;
          } catch (const Error& error) {
            cancelled_steps += error.code() == ErrorCode::kCancelled;
          }
          engine->free_sequence(sequence);
        },
        cancel);
    started.get_future().wait();
    if (i < 19) host.cancel_all();
  }
  drain(host);
  CHECK(cancelled_steps > 0);
  CHECK(outcome.same_bits_as(expected));
  size_t blocks = 99;
  host.post(
      [&](std::unique_ptr<Engine>& engine, const std::atomic<bool>&) {
        blocks = engine->kv_blocks_in_use();
        engine.reset();
      },
      flag());
  drain(host);
  CHECK(blocks == 0);
}
