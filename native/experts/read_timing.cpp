#include "experts/read_timing.h"

#include <algorithm>

namespace moeflow {

void ReadTiming::request(std::span<const Residency::Place> places, double bytes) {
  begin_fetches(now_);
  asked_ = now_;
  done_.assign(places.size(), 0);
  const auto compute_place = [&](size_t i) {
    compute(arrival_[static_cast<size_t>(places[i].slot)]);
    done_[i] = now_;
  };
  // All reads are asked for before anything is computed: first of what was sent for ahead and has not begun.
  for (const Residency::Place& place : places) {
    double& arrival = arrival_[static_cast<size_t>(place.slot)];
    const bool given_up = give_up_fetch(place.slot);
    if (place.present && given_up) arrival = read(asked_, bytes);
  }
  for (const bool late : {false, true}) {
    for (size_t i = 0; i < places.size(); ++i) {
      if (places[i].present && (arrival_[static_cast<size_t>(places[i].slot)] > asked_) == late) compute_place(i);
    }
    if (late) break;
    // Reads into slots that nobody has to leave first.
    for (const Residency::Place& place : places) {
      if (!place.present && place.after == Residency::kNone)
        arrival_[static_cast<size_t>(place.slot)] = read(asked_, bytes);
    }
  }
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i].present) continue;
    if (places[i].after != Residency::kNone) {
      arrival_[static_cast<size_t>(places[i].slot)] = read(done_[static_cast<size_t>(places[i].after)], bytes);
    }
    compute_place(i);
  }
}

void ReadTiming::fetch_ahead(int32_t slot, double bytes) {
  if (cost_.overlap) {
    arrival_[static_cast<size_t>(slot)] = 0;
    fetches_.push_back({slot, asked_, bytes});
  } else {
    arrival_[static_cast<size_t>(slot)] = read(now_, bytes);
  }
}

void ReadTiming::clear() {
  fetches_.clear();
  std::fill(arrival_.begin(), arrival_.end(), 0);
}

void ReadTiming::begin_fetches(double before) {
  while (!fetches_.empty() && std::max(channel_free_, fetches_.front().sent) < before) {
    const Fetch& fetch = fetches_.front();
    arrival_[static_cast<size_t>(fetch.slot)] = read(fetch.sent, fetch.bytes);
    fetches_.pop_front();
  }
}

bool ReadTiming::give_up_fetch(int32_t slot) {
  return std::erase_if(fetches_, [&](const Fetch& fetch) { return fetch.slot == slot; }) > 0;
}

// When it has come.
double ReadTiming::read(double earliest, double bytes) {
  const double seconds = bytes / cost_.bytes_per_second;
  if (!cost_.overlap) {
    now_ += seconds;
    stalled_ += seconds;
    return now_;
  }
  channel_free_ = std::max(channel_free_, earliest) + seconds;
  return channel_free_;
}

void ReadTiming::compute(double earliest) {
  if (earliest > now_) {
    stalled_ += earliest - now_;
    now_ = earliest;
  }
  now_ += cost_.seconds_per_expert;
}

}  // namespace moeflow
