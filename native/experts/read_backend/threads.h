// Pieces read by threads that each wait for one.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "experts/read_backend/backend.h"

namespace moeflow {

class ReadThreads final : public ReadBackend {
 public:
  // Gets the bytes, or throws.
  using Read = std::function<void(const ReadRange&)>;

  // Throws Error(kOutOfMemory) when the threads cannot be started.
  ReadThreads(ReadPieces& pieces, int threads, Read read);
  ~ReadThreads() override { stop(); }
  ReadThreads(const ReadThreads&) = delete;
  ReadThreads& operator=(const ReadThreads&) = delete;

  void wake() override;
  const char* name() const override { return "threads"; }

 private:
  void work();
  void stop();

  ReadPieces& pieces_;
  Read read_;
  std::mutex mutex_;  // never taken while the pieces' own is held
  std::condition_variable woken_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace moeflow
