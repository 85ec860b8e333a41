// The thread that an engine lives on. Jobs run on it one after another; each can be cancelled while it waits or runs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "engine/engine.h"

namespace moeflow {

using CancelFlag = std::shared_ptr<std::atomic<bool>>;

class EngineHost {
 public:
  // What a job gets: the engine's place, empty before it is loaded and after it is unloaded.
  using Job = std::function<void(std::unique_ptr<Engine>& engine, const std::atomic<bool>& cancelled)>;

  // Throws Error(kOutOfMemory) when the thread cannot be started.
  EngineHost();
  ~EngineHost() { shut_down(); }
  EngineHost(const EngineHost&) = delete;
  EngineHost& operator=(const EngineHost&) = delete;

  // Runs the job after those before it; throws Error(kDisposed) after shut_down(). A job must not throw. Cancelling is
  // the job's to notice: every job is run, so that whoever waits for it hears of its end.
  void post(Job job, CancelFlag cancel);
  // Sets the flags of the running job and of all that wait.
  void cancel_all();
  // Cancels all jobs, waits until each has ended and destroys the engine. Safe to call again.
  void shut_down();

 private:
  struct Entry {
    Job job;
    CancelFlag cancel;
  };

  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> waiting_;
  CancelFlag running_;
  bool stop_ = false;
  std::unique_ptr<Engine> engine_;  // touched by the thread only
  std::thread thread_;
};

}  // namespace moeflow
