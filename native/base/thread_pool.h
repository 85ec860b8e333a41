// Fork-join worker threads for the step of one engine. The caller is worker 0. Between two parallel regions the workers
// spin for a short while, because the next region follows within microseconds; then they park in the kernel.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace moeflow {

// Processors that this process may use (affinity and cgroup quota included), at least 1.
int usable_processors();

class ThreadPool {
 public:
  // Throws Error(kOutOfMemory) when the threads cannot be started.
  explicit ThreadPool(int threads);
  ~ThreadPool() { stop(); }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls task(index, thread) once for every index in [0, count), spread over the threads, and returns when all are
  // done. Which thread takes which index is not defined, so a task must not depend on it. The first exception that a
  // task throws is thrown here. Allocates nothing. Not re-entrant.
  template <typename Task>
  void parallel(int64_t count, Task&& task) {
    if (count <= 0) return;
    if (count == 1 || workers_.empty()) {
      for (int64_t i = 0; i < count; ++i) task(i, 0);
      return;
    }
    using Callable = std::remove_reference_t<Task>;
    run(
        count, [](void* context, int64_t index, int thread) { (*static_cast<Callable*>(context))(index, thread); },
        const_cast<void*>(static_cast<const void*>(&task)));
  }

 private:
  using Invoke = void (*)(void* context, int64_t index, int thread);

  void run(int64_t count, Invoke invoke, void* context);
  void stop();
  void work(int thread);
  void take_tasks(int thread);

  std::vector<std::thread> workers_;
  // The region under way. Read only by a thread that holds one of its tasks: the region cannot end before that.
  Invoke invoke_ = nullptr;
  void* context_ = nullptr;
  int64_t count_ = 0;
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
  std::atomic<bool> failed_{false};
  // Tasks of the region that nobody has taken yet. The region's number is in the upper half, so that a thread which was
  // away while regions came and went cannot take from the wrong one. A region waits for its tasks, not for its threads:
  // one that the system does not run costs nothing.
  alignas(64) std::atomic<uint64_t> untaken_{0};
  alignas(64) std::atomic<int64_t> done_{0};
  alignas(64) std::atomic<uint32_t> region_{0};
  alignas(64) std::atomic<int> parked_{0};
  std::atomic<bool> stop_{false};
};

}  // namespace moeflow
