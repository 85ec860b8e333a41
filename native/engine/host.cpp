#include "engine/host.h"

#include <system_error>

#include "base/error.h"

namespace moeflow {

EngineHost::EngineHost() {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    fail(ErrorCode::kOutOfMemory, "cannot start the engine's thread: ", error.what());
  }
}

void EngineHost::shut_down() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  cancel_all();
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void EngineHost::post(Job job, CancelFlag cancel) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_) fail(ErrorCode::kDisposed, "the model was disposed of");
    waiting_.push_back({std::move(job), std::move(cancel)});
  }
  changed_.notify_one();
}

void EngineHost::cancel_all() {
  const std::lock_guard lock(mutex_);
  if (running_) running_->store(true);
  for (const Entry& entry : waiting_) entry.cancel->store(true);
}

void EngineHost::run() {
  for (;;) {
    Entry entry;
    {
      std::unique_lock lock(mutex_);
      running_ = nullptr;
      changed_.wait(lock, [&] { return stop_ || !waiting_.empty(); });
      if (waiting_.empty()) break;
      entry = std::move(waiting_.front());
      waiting_.pop_front();
      running_ = entry.cancel;
    }
    entry.job(engine_, *entry.cancel);
  }
  engine_.reset();
}

}  // namespace moeflow
