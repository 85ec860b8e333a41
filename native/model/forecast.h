// What becomes known of a step's experts while it runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace moeflow {

// Filled by one thread, which publishes it once; another one runs the step and looks whether it has come.
class Forecast {
 public:
  using Experts = std::vector<std::vector<int32_t>>;  // [layer] the most probable first

  explicit Forecast(size_t layers) : experts_(layers) {}

  // The filling thread's, until it publishes.
  Experts& experts() { return experts_; }
  void publish() { published_.store(true, std::memory_order_release); }

  // The step's: null as long as nothing has come.
  const Experts* look() {
    if (!published_.load(std::memory_order_acquire)) return nullptr;
    seen_ = true;
    return &experts_;
  }
  // Whether it came in time.
  bool seen() const { return seen_; }

  // For another step, when neither thread is at it.
  void withdraw() {
    published_.store(false, std::memory_order_relaxed);
    seen_ = false;
  }

 private:
  Experts experts_;
  std::atomic<bool> published_ = false;
  bool seen_ = false;
};

}  // namespace moeflow
