// Runs a trained route predictor beside the steps, on a thread of its own: what it finds out in time tells a step what
// to fetch ahead, and what comes too late, or not at all, changes nothing. ExpertFlow's "routing path" prediction
// (arXiv 2410.17954, section 3) as a hint.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "engine/route_histories.h"
#include "model/forecast.h"
#include "prediction/route_predictor.h"
#include "prediction/step_forecast.h"

namespace moeflow {

struct ForecastCounters {
  uint64_t forecasts = 0;       // that came in time for their step to go by them
  uint64_t late_forecasts = 0;  // steps that went without
  double forecast_seconds = 0;  // that the thread has worked

  friend ForecastCounters operator-(ForecastCounters after, const ForecastCounters& before) {
    after.forecasts -= before.forecasts;
    after.late_forecasts -= before.late_forecasts;
    after.forecast_seconds -= before.forecast_seconds;
    return after;
  }
};

// For tests: sees what is predicted of each token, [kRouteHeads][layers * experts], before it is used. It may change
// it, wait, or throw.
using ForecastHook = std::function<void(std::span<float> answer)>;

// One thread makes all calls, that of the steps. The other one is never waited for but while it reads a history, which
// takes far less than a millisecond, and at the end.
class Forecaster {
 public:
  // A token that is being generated.
  struct Row {
    int32_t sequence = 0;
    int32_t token = 0;

    friend bool operator==(const Row&, const Row&) = default;
  };

  // Remembers the routes of at most `most_tokens`, all sequences together. Throws Error(kOutOfMemory) when the thread
  // cannot be started.
  Forecaster(std::shared_ptr<const RoutePredictor> predictor, int leading_dense_layers, ForecastHook hook = {},
             size_t most_tokens = std::numeric_limits<size_t>::max());
  ~Forecaster();
  Forecaster(const Forecaster&) = delete;
  Forecaster& operator=(const Forecaster&) = delete;

  // Of the memory that the histories and the work take, for one sequence of so many tokens: an estimate from above.
  static uint64_t working_bytes(const RouteShape& shape, int context_length);

  // Asks for the experts that a step over these tokens will use with at least this probability. What comes of it is to
  // be had until the next call; null when nothing will come, as the thread is still busy for a step before.
  Forecast* begin(std::span<const Row> rows, float least_probability);
  // The next step will probably be over these tokens: begin() need not ask again if it is, or over some of them.
  // Returns whether anything will come of it.
  bool prepare(std::span<const Row> rows, float least_probability);
  // The step that was begun last has come to its end: counts whether its forecast was of use.
  void end();

  // A sequence has got tokens, which took these routes: [tokens][layers][used].
  void append(int32_t sequence, std::span<const int32_t> tokens, const int32_t* routes);
  // A new sequence begins with the first `length` tokens of another.
  void share(int32_t from, int32_t sequence, size_t length);
  void truncate(int32_t sequence, size_t length);
  void free(int32_t sequence);

  // Whether an error, or a probability that is none, has ended it for good.
  bool failed() const { return failed_.load(std::memory_order_acquire); }
  // The reason; empty while there is none.
  std::string failure() const;
  ForecastCounters counters() const;
  // Tokens of a sequence that are known here.
  size_t history_length(int32_t sequence) const;

 private:
  struct Request {
    struct Token {
      Row row;
      size_t position = 0;
    };
    std::vector<Token> tokens;
    float least_probability = 0;
  };

  void run();
  void work();
  bool is_prepared(std::span<const Row> rows, float least_probability) const;
  void ask(std::span<const Row> rows, float least_probability);
  bool read_history(const Request::Token& token);
  void add_token(int32_t token);
  template <typename Action>
  void change_histories(Action&& action);
  void end_for_good(const char* reason);

  std::shared_ptr<const RoutePredictor> predictor_;
  size_t leading_dense_layers_;
  ForecastHook hook_;
  Forecast forecast_;
  // Of the step under way, and of all before.
  bool begun_ = false;
  Forecast* coming_ = nullptr;
  std::vector<Row> prepared_;
  float prepared_probability_ = 0;
  ForecastCounters counters_;  // but for the seconds

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  RouteHistories histories_;
  Request asked_;
  bool is_asked_ = false;
  bool stop_ = false;
  double seconds_ = 0;
  std::string failure_;
  std::atomic<bool> busy_ = false;  // set and cleared by the thread, under the mutex
  std::atomic<bool> failed_ = false;

  // The thread's own.
  Request request_;
  RouteMatch match_;
  int32_t before_ = kUnknownToken;  // the token before the one at which it is
  std::vector<float> views_, hidden_;
  std::vector<float> answer_;  // of one token
  StepForecast together_;
  std::thread thread_;
};

}  // namespace moeflow
