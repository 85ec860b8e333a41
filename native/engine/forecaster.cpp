#include "engine/forecaster.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace moeflow {
namespace {

// Of a token in a history, beside its route: its id, where its route begins, and kLongestMatch entries in hash tables.
constexpr uint64_t kTokenBytes = 256;

}  // namespace

Forecaster::Forecaster(std::shared_ptr<const RoutePredictor> predictor, int leading_dense_layers, ForecastHook hook,
                       size_t most_tokens)
    : predictor_(std::move(predictor)),
      leading_dense_layers_(static_cast<size_t>(leading_dense_layers)),
      hook_(std::move(hook)),
      forecast_(predictor_->shape(), leading_dense_layers_),
      histories_(predictor_->shape(), most_tokens),
      together_(predictor_->shape()) {
  const RouteShape& shape = predictor_->shape();
  views_.resize(kHistoryViews * shape.outputs());
  answer_.resize(kRouteHeads * shape.outputs());
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    fail(ErrorCode::kOutOfMemory, "cannot start the predictor's thread: ", error.what());
  }
}

Forecaster::~Forecaster() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

uint64_t Forecaster::working_bytes(const RouteShape& shape, int context_length) {
  const uint64_t history = 2 * shape.route() * sizeof(int32_t) + kTokenBytes;   // a growing vector is half empty
  const uint64_t floats = (kHistoryViews + 3 * kRouteHeads) * shape.outputs();  // of a token, of all, and the forecast
  return static_cast<uint64_t>(context_length) * history + floats * sizeof(float);
}

Forecast* Forecaster::begin(std::span<const Row> rows, float least_probability) {
  begun_ = !failed();
  if (!is_prepared(rows, least_probability)) ask(rows, least_probability);
  prepared_.clear();
  return coming_;
}

bool Forecaster::prepare(std::span<const Row> rows, float least_probability) {
  ask(rows, least_probability);
  prepared_.clear();
  if (!coming_) return false;
  prepared_.assign(rows.begin(), rows.end());
  prepared_probability_ = least_probability;
  return true;
}

bool Forecaster::is_prepared(std::span<const Row> rows, float least_probability) const {
  return !prepared_.empty() && prepared_probability_ == least_probability &&
         std::all_of(rows.begin(), rows.end(), [&](const Row& row) {
           return std::find(prepared_.begin(), prepared_.end(), row) != prepared_.end();
         });
}

void Forecaster::ask(std::span<const Row> rows, float least_probability) {
  coming_ = nullptr;
  if (failed() || busy_.load(std::memory_order_acquire)) return;
  change_histories([&] {
    if (busy_.load(std::memory_order_relaxed)) return;  // it has just taken up a step before
    asked_.tokens.clear();
    for (const Row& row : rows) {
      asked_.tokens.push_back({row, histories_.of(row.sequence).length()});
    }
    asked_.least_probability = least_probability;
    is_asked_ = true;
    forecast_.withdraw();
    coming_ = &forecast_;
  });
  if (coming_) changed_.notify_one();
}

void Forecaster::end() {
  if (begun_) ++(coming_ && coming_->seen() ? counters_.forecasts : counters_.late_forecasts);
  begun_ = false;
}

void Forecaster::append(int32_t sequence, std::span<const int32_t> tokens, const int32_t* routes) {
  change_histories([&] { histories_.append(sequence, tokens, routes); });
}

void Forecaster::share(int32_t from, int32_t sequence, size_t length) {
  change_histories([&] { histories_.share(from, sequence, length); });
}

void Forecaster::truncate(int32_t sequence, size_t length) {
  change_histories([&] { histories_.truncate(sequence, length); });
}

void Forecaster::free(int32_t sequence) {
  change_histories([&] { histories_.free(sequence); });
}

// A hint that cannot be had must not end the step that it is for.
template <typename Action>
void Forecaster::change_histories(Action&& action) {
  if (failed()) return;
  const std::lock_guard lock(mutex_);
  try {
    action();
  } catch (const std::exception& error) {
    end_for_good(error.what());
  }
}

std::string Forecaster::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

ForecastCounters Forecaster::counters() const {
  const std::lock_guard lock(mutex_);
  ForecastCounters counters = counters_;
  counters.forecast_seconds = seconds_;
  return counters;
}

size_t Forecaster::history_length(int32_t sequence) const {
  const std::lock_guard lock(mutex_);
  const RouteHistory* history = histories_.find(sequence);
  return history ? history->length() : 0;
}

// Under the mutex.
void Forecaster::end_for_good(const char* reason) {
  try {
    failure_ = reason;
  } catch (const std::bad_alloc&) {
    failure_ = "out of memory";  // short enough to need none
  }
  histories_.clear();
  failed_.store(true, std::memory_order_release);
}

void Forecaster::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stop_ || is_asked_; });
    if (stop_ || failed()) return;
    std::swap(request_, asked_);
    is_asked_ = false;
    busy_.store(true, std::memory_order_relaxed);
    lock.unlock();
    const auto start = std::chrono::steady_clock::now();
    std::exception_ptr error;
    try {
      work();
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    try {
      if (error) std::rethrow_exception(error);
    } catch (const std::exception& failure) {
      end_for_good(failure.what());
    } catch (...) {
      end_for_good("an unknown error");
    }
    busy_.store(false, std::memory_order_release);
  }
}

void Forecaster::work() {
  together_.clear();
  for (const Request::Token& token : request_.tokens) {
    if (!read_history(token)) return;
    add_token(token.row.token);
  }
  together_.write(request_.least_probability, forecast_.content());
  forecast_.publish();
}

// Whether the step is still to come: when it is over, its sequence has grown, or is gone.
bool Forecaster::read_history(const Request::Token& token) {
  const std::lock_guard lock(mutex_);
  const RouteHistory* history = histories_.find(token.row.sequence);
  if (!history || history->length() != token.position) return false;
  match_ = history->match(token.row.token);
  before_ = history->token(static_cast<int64_t>(token.position) - 1);
  route_features(*history, token.position, match_, views_);
  return true;
}

void Forecaster::add_token(int32_t token) {
  predictor_->evaluate(token, before_, match_.length, views_, hidden_, answer_);
  if (hook_) hook_(answer_);
  together_.add(answer_);
}

}  // namespace moeflow
