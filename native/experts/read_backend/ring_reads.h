// Pieces read by the kernel's io_uring, many at once, with one thread that hands them over and sleeps.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "experts/direct_file.h"
#include "experts/read_backend/backend.h"
#include "experts/read_backend/ring.h"

namespace moeflow {

class RingReads final : public ReadBackend {
 public:
  // Null where the system has no io_uring or does not allow it. `depth` pieces are under way at most, 1 to 1024.
  // Throws Error(kOutOfMemory) when the thread cannot be started.
  static std::unique_ptr<RingReads> open(ReadPieces& pieces, const std::vector<DirectFile>& files, int depth);
  ~RingReads() override;
  RingReads(const RingReads&) = delete;
  RingReads& operator=(const RingReads&) = delete;

  void wake() override;
  const char* name() const override { return "io_uring"; }

 private:
  struct Request {
    ReadPiece piece;
    DirectRead rest;
  };

  RingReads(ReadPieces& pieces, const std::vector<DirectFile>& files, int depth);
  bool start();
  void ring_bell() const;

  // Of the thread.
  void work();
  void take_pieces();
  void go_on(size_t index);
  void arrived(size_t index, int32_t result);
  void read_otherwise(size_t index);
  void finish(size_t index, const std::string& error);
  void take_completions();
  void sleep();

  ReadPieces& pieces_;
  const std::vector<DirectFile>& files_;
  std::unique_ptr<Ring> ring_;
  int bell_ = -1;  // an eventfd: becomes readable when the thread shall wake up
  bool bell_watched_ = false;
  std::atomic<bool> wants_bell_ = false;
  std::atomic<bool> stop_ = false;
  std::vector<Request> requests_;
  std::vector<size_t> free_;  // indices of requests_
  std::thread thread_;
};

}  // namespace moeflow
