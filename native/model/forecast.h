// What becomes known of a step's experts while it runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace moeflow {

// Filled by one thread, which publishes it once; another one runs the step and looks whether it has come.
class Forecast {
 public:
  struct Content {
    std::vector<std::vector<float>> probabilities;  // [layer][expert] that the step uses it; none for dense layers
    std::vector<std::vector<float>> later;          // same: what its next use after the step is worth (kUsedLater)
    std::vector<std::vector<int32_t>> probable;     // [layer] those that are worth a read, the most probable first
  };

  explicit Forecast(size_t layers) {
    content_.probabilities.resize(layers);
    content_.later.resize(layers);
    content_.probable.resize(layers);
  }

  // The filling thread's, until it publishes.
  Content& content() { return content_; }
  void publish() { published_.store(true, std::memory_order_release); }

  // The step's: null as long as nothing has come.
  const Content* look() {
    if (!published_.load(std::memory_order_acquire)) return nullptr;
    ++looks_;
    return &content_;
  }
  // Whether it came in time, and whether the step has just seen it for the first time.
  bool seen() const { return looks_ > 0; }
  bool is_news() const { return looks_ == 1; }

  // For another step, when neither thread is at it.
  void withdraw() {
    published_.store(false, std::memory_order_relaxed);
    looks_ = 0;
  }

 private:
  Content content_;
  std::atomic<bool> published_ = false;
  int looks_ = 0;
};

}  // namespace moeflow
