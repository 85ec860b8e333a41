#include "experts/cache.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/error.h"

namespace moeflow {
namespace {

// How often a wait looks whether it was cancelled.
constexpr std::chrono::milliseconds kPatience{10};

ExpertGrid grid_of(const ExpertLayout& layout, int used) {
  ExpertGrid grid;
  grid.layers = static_cast<int32_t>(layout.size());
  for (const auto& layer : layout) {
    grid.per_layer = std::max(grid.per_layer, static_cast<int32_t>(layer.size()));
    grid.routed_layers += layer.empty() ? 0 : 1;
  }
  grid.used = used;
  return grid;
}

std::vector<int32_t> numbers_of(const std::vector<ExpertId>& experts, const ExpertGrid& grid) {
  std::vector<int32_t> numbers;
  for (const ExpertId id : experts) {
    const bool known = id.layer >= 0 && id.layer < grid.layers && id.expert >= 0 && id.expert < grid.per_layer;
    if (!known) {
      fail(ErrorCode::kInvalidArgument, "hot expert ", numbers.size(), " is expert ", id.expert, " of layer ", id.layer,
           "; the model has ", grid.layers, " layers of up to ", grid.per_layer, " experts");
    }
    numbers.push_back(id.layer * grid.per_layer + id.expert);
  }
  return numbers;
}

}  // namespace

CacheCounters& CacheCounters::operator+=(const CacheCounters& other) {
  hits += other.hits;
  late_hits += other.late_hits;
  misses += other.misses;
  prefetches += other.prefetches;
  wasted_prefetches += other.wasted_prefetches;
  bytes_read += other.bytes_read;
  stall_seconds += other.stall_seconds;
  return *this;
}

CacheCounters& CacheCounters::operator-=(const CacheCounters& other) {
  hits -= other.hits;
  late_hits -= other.late_hits;
  misses -= other.misses;
  prefetches -= other.prefetches;
  wasted_prefetches -= other.wasted_prefetches;
  bytes_read -= other.bytes_read;
  stall_seconds -= other.stall_seconds;
  return *this;
}

CachedExperts::CachedExperts(const ExpertLayout& layout, int used, std::unique_ptr<ExpertStore> store,
                             const CacheOptions& options)
    : CachedExperts(grid_of(layout, used), SlotPlan(layout, used, store->slot_content()), std::move(store), options) {}

CachedExperts::CachedExperts(const ExpertGrid& grid, const SlotPlan& plan, std::unique_ptr<ExpertStore>&& store,
                             const CacheOptions& options)
    : grid_(grid),
      policy_name_(options.policy),
      prefetch_(options.prefetch),
      poison_(options.poison),
      residency_(grid, plan.classes(options.bytes), make_policy({options.policy, numbers_of(options.hot, grid)}, grid)),
      counters_(static_cast<size_t>(grid.layers)),
      store_(std::move(store)) {
  if (options.bytes < plan.fewest_bytes()) {
    fail(ErrorCode::kInvalidArgument, options.bytes, " bytes are too few for expert slots: the ", grid.used,
         " experts that a token uses in a layer need ", plan.fewest_bytes());
  }
  make_slots(plan, options.bytes);
}

void CachedExperts::make_slots(const SlotPlan& plan, uint64_t bytes) {
  const SlotClasses classes = plan.classes(bytes);
  const auto for_each_slot = [&](auto&& action) {
    for (size_t c = 0; c < classes.slots.size(); ++c) {
      for (int32_t i = 0; i < classes.slots[c]; ++i) action(plan.slot_bytes(c));
    }
  };
  uint64_t arena = 0;
  for_each_slot([&](uint64_t slot_bytes) { arena += slot_bytes; });
  arena_ = AlignedBuffer(arena, "expert slots");
  slots_ = std::vector<Slot>(static_cast<size_t>(residency_.slots()));
  uint8_t* at = arena_.bytes();
  size_t slot = 0;
  for_each_slot([&](uint64_t slot_bytes) {
    slots_[slot].memory = at;
    slots_[slot].bytes = slot_bytes;
    at += slot_bytes;
    ++slot;
  });
  reading_.reserve(slots_.size());
}

ExpertId CachedExperts::id_of(int32_t number) const { return {grid_.layer_of(number), number % grid_.per_layer}; }

bool CachedExperts::holds(ExpertId id) const {
  const int32_t number = id.layer * grid_.per_layer + id.expert;
  const int32_t slot = residency_.slot_of(number);
  if (slot == Residency::kNone) return false;
  const Slot& s = slots_[static_cast<size_t>(slot)];
  return s.expert == number && !s.reading && !s.failed;
}

CacheCounters CachedExperts::counters_of(int32_t layer) const {
  CacheCounters counters = counters_[static_cast<size_t>(layer)];
  counters.wasted_prefetches = residency_.wasted(layer);
  return counters;
}

CacheCounters CachedExperts::counters() const {
  CacheCounters sum;
  for (int32_t layer = 0; layer < grid_.layers; ++layer) sum += counters_of(layer);
  return sum;
}

std::span<const int32_t> CachedExperts::request(int32_t layer, std::span<const int32_t> experts, size_t generating) {
  end_request();
  take_over_finished_reads();
  give_up_prefetches(layer, experts);
  layer_ = layer;
  places_ = residency_.request(layer, experts, generating);
  states_.assign(places_.size(), {});
  for (size_t i = 0; i < places_.size(); ++i) {
    Slot& slot = slot_at(places_[i].slot);
    if (!places_[i].present) {
      ++counting().misses;
    } else if (slot.reading) {
      states_[i] = {Progress::kReading, true};
      store_->promote(slot.read);
      ++counting().late_hits;
    } else {
      hand_out(i);
      ++counting().hits;
    }
  }
  start_reads();
  return handed_out_;
}

// Places whose reads were never begun, or failed when nobody looked any more, hold nothing.
void CachedExperts::end_request() {
  for (size_t i = 0; i < places_.size(); ++i) {
    const Residency::Place& place = places_[i];
    const Slot& slot = slot_at(place.slot);
    const bool failed = states_[i].progress == Progress::kReading && !slot.reading && slot.failed;
    if (states_[i].progress != Progress::kWaiting && !failed) continue;
    if (residency_.expert_in(place.slot) == place.expert) residency_.clear(place.slot);
  }
  places_ = {};
  states_.clear();
  in_hand_.clear();
  handed_out_.clear();
}

// Those for this layer that it did not ask for: by the time they could be of use they may have left again.
void CachedExperts::give_up_prefetches(int32_t layer, std::span<const int32_t> experts) {
  std::erase_if(reading_, [&](int32_t i) {
    Slot& slot = slot_at(i);
    const ExpertId id = id_of(slot.expert);
    if (!residency_.is_ahead(i) || id.layer != layer) return false;
    if (std::find(experts.begin(), experts.end(), id.expert) != experts.end()) return false;
    if (!store_->cancel(slot.read)) return false;
    slot.reading = false;
    residency_.set_filling(i, false);
    residency_.clear(i);
    return true;
  });
}

std::span<const int32_t> CachedExperts::next(const std::atomic<bool>* cancelled) {
  for (const size_t place : in_hand_) {
    states_[place].progress = Progress::kDone;
    residency_.done(place);
  }
  in_hand_.clear();
  handed_out_.clear();
  const auto all_done = [&] {
    return std::all_of(states_.begin(), states_.end(), [](const auto& s) { return s.progress == Progress::kDone; });
  };
  for (;;) {
    take_over_finished_reads();
    hand_out_arrived();
    start_reads();
    if (!handed_out_.empty() || all_done()) return handed_out_;
    wait_for_a_read();
    if (cancelled && cancelled->load(std::memory_order_relaxed)) fail(ErrorCode::kCancelled, "the step was cancelled");
  }
}

void CachedExperts::foresee(int32_t layer, std::span<const float> probabilities, std::span<const float> later) {
  if (prefetch_) residency_.foresee(layer, probabilities, later);
}

bool CachedExperts::expect(int32_t layer, std::span<const int32_t> experts, bool for_prompt) {
  if (!prefetch_) return false;
  residency_.expect(layer, experts);
  return fetch_ahead(layer, experts, for_prompt);
}

bool CachedExperts::fetch_ahead(int32_t layer, std::span<const int32_t> experts, bool for_prompt) {
  if (!prefetch_) return false;
  const auto waits = [](const PlaceState& state) { return state.progress == Progress::kWaiting; };
  if (std::any_of(states_.begin(), states_.end(), waits)) return false;
  for (const int32_t expert : experts) {
    const int32_t number = layer * grid_.per_layer + expert;
    if (residency_.slot_of(number) != Residency::kNone) continue;
    const int32_t slot = residency_.fetch_ahead(number, for_prompt);
    if (slot == Residency::kNone) return false;
    start_read(slot, number, ReadPriority::kPrefetch);
  }
  return true;
}

// What was handed out may have lost its slot on paper already, to an expert of the same request that waits for it.
ExpertWeights CachedExperts::weights(ExpertId id) const {
  const int32_t number = id.layer * grid_.per_layer + id.expert;
  const auto place = std::find_if(places_.begin(), places_.end(), [&](const auto& p) { return p.expert == number; });
  return store_->weights(id, slots_[static_cast<size_t>(place->slot)].memory);
}

// Reads that are over, whoever wanted them: what has arrived is resident from now on, what has failed is not there.
void CachedExperts::take_over_finished_reads() {
  if (reading_.empty()) return;
  store_->wait(std::chrono::milliseconds(0), [&] {
    for (const int32_t i : reading_) {
      Slot& slot = slot_at(i);
      if (slot.read.state() == BackgroundRead::State::kReading) continue;
      slot.reading = false;
      slot.failed = slot.read.state() == BackgroundRead::State::kFailed;
    }
    return true;
  });
  std::erase_if(reading_, [&](int32_t i) {
    const Slot& slot = slot_at(i);
    if (slot.reading) return false;
    residency_.set_filling(i, false);
    count_read(slot);
    // A failure that somebody waits for is for hand_out_arrived().
    if (slot.failed && residency_.expert_in(i) == slot.expert && !awaited(i)) residency_.clear(i);
    return true;
  });
}

// When it is over, as it may be given up before.
void CachedExperts::count_read(const Slot& slot) {
  CacheCounters& counters = counters_[static_cast<size_t>(grid_.layer_of(slot.expert))];
  counters.bytes_read += slot.read.bytes();
  if (slot.ahead && !slot.failed) ++counters.prefetches;
}

bool CachedExperts::awaited(int32_t slot) const {
  for (size_t i = 0; i < places_.size(); ++i) {
    const Progress progress = states_[i].progress;
    // One that waits for the slot begins a read of its own.
    if (places_[i].slot == slot && (progress == Progress::kReading || progress == Progress::kWaiting)) return true;
  }
  return false;
}

void CachedExperts::start_reads() {
  for (size_t i = 0; i < places_.size(); ++i) {
    const Residency::Place& place = places_[i];
    if (states_[i].progress != Progress::kWaiting) continue;
    if (place.after != Residency::kNone && states_[static_cast<size_t>(place.after)].progress != Progress::kDone)
      continue;
    if (const Slot& slot = slot_at(place.slot); slot.reading) {
      // Of a request that was given up. It must end before the slot is free.
      store_->promote(slot.read);
      continue;
    }
    states_[i].progress = Progress::kReading;
    start_read(place.slot, place.expert, ReadPriority::kDemand);
  }
}

void CachedExperts::start_read(int32_t slot, int32_t number, ReadPriority priority) {
  const ExpertId id = id_of(number);
  Slot& s = slot_at(slot);
  if (poison_) std::memset(s.memory, 0xff, s.bytes);
  s.expert = number;
  s.reading = true;
  s.failed = false;
  s.ahead = priority == ReadPriority::kPrefetch;
  reading_.push_back(slot);
  residency_.set_filling(slot, true);
  store_->fetch(s.read, id, s.memory, priority, residency_.is_passing(slot));
}

void CachedExperts::hand_out_arrived() {
  for (size_t i = 0; i < places_.size(); ++i) {
    const Residency::Place& place = places_[i];
    const Slot& slot = slot_at(place.slot);
    if (states_[i].progress != Progress::kReading || slot.reading) continue;
    if (!slot.failed) {
      hand_out(i);
    } else if (states_[i].joined) {
      // Somebody else's read, perhaps begun when things were worse: it gets one of its own.
      states_[i].joined = false;
      start_read(place.slot, place.expert, ReadPriority::kDemand);
    } else {
      fail(ErrorCode::kIo, "expert ", id_of(place.expert).expert, " of layer ", layer_, ": ", slot.read.error());
    }
  }
}

void CachedExperts::hand_out(size_t place) {
  states_[place].progress = Progress::kHandedOut;
  in_hand_.push_back(place);
  handed_out_.push_back(id_of(places_[place].expert).expert);
}

void CachedExperts::wait_for_a_read() {
  const auto start = std::chrono::steady_clock::now();
  store_->wait(kPatience, [&] {
    return std::any_of(reading_.begin(), reading_.end(),
                       [&](int32_t i) { return slot_at(i).read.state() != BackgroundRead::State::kReading; });
  });
  counting().stall_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace moeflow
