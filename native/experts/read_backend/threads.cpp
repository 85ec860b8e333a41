#include "experts/read_backend/threads.h"

#include <exception>
#include <system_error>

#include "base/error.h"

namespace moeflow {

ReadThreads::ReadThreads(ReadPieces& pieces, int threads, Read read) : pieces_(pieces), read_(std::move(read)) {
  try {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    stop();
    fail(ErrorCode::kOutOfMemory, "cannot start ", threads, " threads that read: ", error.what());
  }
}

void ReadThreads::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  woken_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ReadThreads::wake() {
  // Under the lock, or a thread that has just found nothing would miss it.
  { const std::lock_guard lock(mutex_); }
  woken_.notify_all();
}

void ReadThreads::work() {
  for (;;) {
    ReadPiece piece;
    {
      std::unique_lock lock(mutex_);
      bool taken = false;
      woken_.wait(lock, [&] { return stop_ || (taken = pieces_.take(piece)); });
      if (!taken) return;
    }
    std::string error;
    try {
      read_(piece.range);
    } catch (const std::exception& problem) {
      error = problem.what();
    }
    pieces_.finish(piece, error);
  }
}

}  // namespace moeflow
