// What becomes known of a step's experts while it runs.
#pragma once

#include <atomic>

#include "prediction/step_forecast.h"

namespace moeflow {

// Filled by one thread, which publishes it once; another one runs the step and looks whether it has come.
class Forecast {
 public:
  // See LayerForecasts.
  Forecast(const RouteShape& shape, size_t dense_layers) : content_(shape, dense_layers) {}

  // The filling thread's, until it publishes.
  LayerForecasts& content() { return content_; }
  void publish() { published_.store(true, std::memory_order_release); }

  // The step's: null as long as nothing has come.
  const LayerForecasts* look() {
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
  LayerForecasts content_;
  std::atomic<bool> published_ = false;
  int looks_ = 0;
};

}  // namespace moeflow
