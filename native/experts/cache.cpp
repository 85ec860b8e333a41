#include "experts/cache.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/error.h"

namespace moeflow {
namespace {

// How often a wait looks whether it was cancelled.
constexpr std::chrono::milliseconds kPatience{10};

uint64_t span_bytes(const MatrixRange& range) {
  return align_up(range.offset + range.bytes) - align_down(range.offset);
}

uint64_t read_bytes(const ExpertRanges& expert) {
  uint64_t bytes = 0;
  for (const MatrixRange& range : expert.part) bytes += span_bytes(range);
  return bytes;
}

// A class of `experts` gets its share of the bytes, of which `most` hold all experts of all classes.
uint64_t slots_of(uint64_t experts, uint64_t bytes, uint64_t most) {
  return most == 0 ? 0 : checked_multiply(std::min(bytes, most), experts, "expert slots") / most;
}

}  // namespace

std::vector<CachedExperts::SlotClass> CachedExperts::classes_of(const ExpertLayout& layout) {
  std::vector<SlotClass> classes;
  for (const auto& layer : layout) {
    for (const ExpertRanges& expert : layer) {
      auto found = std::find_if(classes.begin(), classes.end(),
                                [&](const SlotClass& c) { return c.expert_bytes == expert.bytes(); });
      if (found == classes.end()) {
        classes.emplace_back();
        found = classes.end() - 1;
        found->expert_bytes = expert.bytes();
      }
      found->slot_bytes = std::max(found->slot_bytes, read_bytes(expert));
      ++found->experts;
    }
  }
  return classes;
}

uint64_t CachedExperts::most_bytes(const ExpertLayout& layout) {
  uint64_t bytes = 0;
  for (const SlotClass& c : classes_of(layout)) bytes += c.slot_bytes * c.experts;
  return bytes;
}

// So many that slots_of() is enough for every class.
uint64_t CachedExperts::fewest_bytes(const ExpertLayout& layout, int used) {
  const uint64_t most = most_bytes(layout);
  uint64_t fewest = 0;
  for (const SlotClass& c : classes_of(layout)) {
    const uint64_t wanted = std::min(static_cast<uint64_t>(used), c.experts);
    fewest = std::max(fewest, (checked_multiply(wanted, most, "expert slots") + c.experts - 1) / c.experts);
  }
  return fewest;
}

CachedExperts::CachedExperts(const ExpertLayout& layout, const std::vector<std::string>& paths, int used,
                             const CacheOptions& options)
    : layout_(layout),
      policy_name_(options.policy),
      prefetch_(options.prefetch),
      poison_(options.poison),
      classes_(classes_of(layout)),
      queue_(paths, {options.read_method, options.read_bytes, options.read_depth, options.before_read}) {
  const uint64_t fewest = fewest_bytes(layout, used);
  if (options.bytes < fewest) {
    fail(ErrorCode::kInvalidArgument, options.bytes, " bytes are too few for expert slots: the ", used,
         " experts that a token uses in a layer need ", fewest);
  }
  for (const auto& layer : layout) per_layer_ = std::max(per_layer_, static_cast<int32_t>(layer.size()));
  const auto layers_with_experts = static_cast<int32_t>(
      std::count_if(layout.begin(), layout.end(), [](const auto& layer) { return !layer.empty(); }));
  const auto numbers = static_cast<int32_t>(layout.size()) * per_layer_;
  policy_ = make_policy(options.policy, numbers, used * layers_with_experts);
  slot_of_.resize(static_cast<size_t>(numbers));
  candidates_.reserve(static_cast<size_t>(numbers));
  make_slots(options.bytes);
}

int64_t CachedExperts::slots_in(const ExpertLayout& layout, uint64_t bytes) {
  const uint64_t most = most_bytes(layout);
  uint64_t slots = 0;
  for (const SlotClass& c : classes_of(layout)) slots += slots_of(c.experts, bytes, most);
  return static_cast<int64_t>(slots);
}

void CachedExperts::make_slots(uint64_t bytes) {
  const uint64_t most = most_bytes(layout_);
  uint64_t arena = 0;
  size_t count = 0;
  for (SlotClass& c : classes_) {
    c.slots.resize(slots_of(c.experts, bytes, most));
    for (size_t& slot : c.slots) slot = count++;
    arena += c.slots.size() * c.slot_bytes;
  }
  arena_ = AlignedBuffer(arena, "expert slots");
  slots_ = std::vector<Slot>(count);
  uint8_t* at = arena_.bytes();
  for (const SlotClass& c : classes_) {
    for (const size_t slot : c.slots) {
      slots_[slot].memory = at;
      at += c.slot_bytes;
    }
  }
}

const ExpertRanges& CachedExperts::ranges_of(int32_t number) const {
  return layout_[static_cast<size_t>(number / per_layer_)][static_cast<size_t>(number % per_layer_)];
}

std::span<const int32_t> CachedExperts::request(int32_t layer, std::span<const int32_t> experts) {
  for (Slot& slot : slots_) slot.in_use = false;
  layer_ = layer;
  waiting_.clear();
  coming_.clear();
  handed_out_.clear();
  take_over_finished_reads();
  // Those that are here first, so that none of them makes room for another.
  for (const int32_t expert : experts) {
    Slot* slot = slot_of(expert);
    if (!slot) {
      waiting_.push_back(expert);
      continue;
    }
    slot->in_use = true;
    slot->joined = slot->reading;
    slot->ahead = false;
    if (slot->reading) queue_.promote(slot->read);
    policy_->used(number(expert));
    ++(slot->reading ? counters_.late_hits : counters_.hits);
    (slot->reading ? coming_ : handed_out_).push_back(expert);
  }
  give_up_prefetches();
  start_reads();
  return handed_out_;
}

// Those for this layer that it did not ask for: by the time they could be of use they may have left again.
void CachedExperts::give_up_prefetches() {
  for (Slot& slot : slots_) {
    if (!slot.reading || !slot.ahead || slot.expert / per_layer_ != layer_) continue;
    if (!queue_.cancel(slot.read)) continue;
    --counters_.prefetches;
    counters_.bytes_read -= read_bytes(ranges_of(slot.expert));
    slot.reading = false;
    slot.ahead = false;
    empty(slot);
  }
}

std::span<const int32_t> CachedExperts::next(const std::atomic<bool>* cancelled) {
  for (const int32_t expert : handed_out_) slot_of(expert)->in_use = false;
  handed_out_.clear();
  for (;;) {
    take_over_finished_reads();
    hand_out_arrived();
    start_reads();
    if (!handed_out_.empty() || (coming_.empty() && waiting_.empty())) return handed_out_;
    wait_for_a_read();
    if (cancelled && cancelled->load(std::memory_order_relaxed)) fail(ErrorCode::kCancelled, "the step was cancelled");
  }
}

void CachedExperts::expect(int32_t layer, std::span<const int32_t> experts) {
  if (!prefetch_ || !waiting_.empty()) return;
  for (const int32_t expert : experts) {
    const int32_t number = layer * per_layer_ + expert;
    if (slot_of_[static_cast<size_t>(number)]) continue;
    Slot* slot = make_room(number, ReadPriority::kPrefetch);
    if (!slot) return;
    start_read(*slot, number, ReadPriority::kPrefetch);
  }
}

ExpertWeights CachedExperts::weights(ExpertId id) const {
  const int32_t number = id.layer * per_layer_ + id.expert;
  const ExpertRanges& ranges = ranges_of(number);
  const uint8_t* at = slot_of_[static_cast<size_t>(number)]->memory;
  std::array<const uint8_t*, kExpertParts> address{};
  for (size_t part = 0; part < kExpertParts; ++part) {
    const MatrixRange& range = ranges.part[part];
    address[part] = at + (range.offset - align_down(range.offset));
    at += span_bytes(range);
  }
  return matrices_at(ranges, address);
}

// Reads that are over, whoever wanted them: what has arrived is resident from now on, what has failed is not there.
void CachedExperts::take_over_finished_reads() {
  queue_.wait(std::chrono::milliseconds(0), [&] {
    for (Slot& slot : slots_) {
      if (!slot.reading || slot.read.state() == BackgroundRead::State::kReading) continue;
      slot.reading = false;
      if (slot.read.state() == BackgroundRead::State::kFailed) slot.failed = true;
    }
    return true;
  });
  for (Slot& slot : slots_) {
    if (slot.failed && !slot.in_use) empty(slot);
  }
}

void CachedExperts::hand_out_arrived() {
  std::erase_if(coming_, [&](int32_t expert) {
    Slot& slot = *slot_of(expert);
    if (slot.reading) return false;
    if (slot.failed && !slot.joined)
      fail(ErrorCode::kIo, "expert ", expert, " of layer ", layer_, ": ", slot.read.error());
    if (slot.failed) {
      // Somebody else's read, perhaps begun when things were worse: it gets one of its own.
      empty(slot);
      waiting_.push_back(expert);
    } else {
      handed_out_.push_back(expert);
    }
    return true;
  });
}

void CachedExperts::wait_for_a_read() {
  const auto start = std::chrono::steady_clock::now();
  queue_.wait(kPatience, [&] {
    return std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
      return slot.reading && slot.read.state() != BackgroundRead::State::kReading;
    });
  });
  counters_.stall_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void CachedExperts::start_reads() {
  std::erase_if(waiting_, [&](int32_t expert) {
    Slot* slot = make_room(number(expert), ReadPriority::kDemand);
    if (!slot) return false;
    start_read(*slot, number(expert), ReadPriority::kDemand);
    coming_.push_back(expert);
    return true;
  });
}

void CachedExperts::start_read(Slot& slot, int32_t number, ReadPriority priority) {
  const bool ahead = priority == ReadPriority::kPrefetch;
  slot.expert = number;
  slot.in_use = !ahead;
  slot.ahead = ahead;
  slot.reading = true;
  slot.joined = false;
  slot_of_[static_cast<size_t>(number)] = &slot;
  if (!ahead) policy_->used(number);
  ++(ahead ? counters_.prefetches : counters_.misses);
  counters_.bytes_read += read_bytes(ranges_of(number));
  std::array<ReadRange, kExpertParts> reads;
  uint8_t* to = slot.memory;
  for (size_t part = 0; part < kExpertParts; ++part) {
    const MatrixRange& range = ranges_of(number).part[part];
    const uint64_t from = align_down(range.offset);
    reads[part] = {range.file, from, span_bytes(range), range.offset + range.bytes - from, to};
    to += reads[part].bytes;
  }
  queue_.submit(slot.read, reads, priority);
}

// A slot for an expert: an empty one, or that of an expert that the policy lets go. Null when all are in use. What was
// fetched ahead stays until it is used or nothing else can leave; it takes half of all places at most.
CachedExperts::Slot* CachedExperts::make_room(int32_t number, ReadPriority priority) {
  const auto fits = [&](const SlotClass& c) { return c.expert_bytes == ranges_of(number).bytes(); };
  const SlotClass& c = *std::find_if(classes_.begin(), classes_.end(), fits);
  const bool ahead = priority == ReadPriority::kPrefetch;
  const auto is_ahead = [&](size_t i) { return slots_[i].expert >= 0 && slots_[i].ahead; };
  if (ahead && 2 * std::count_if(c.slots.begin(), c.slots.end(), is_ahead) >= std::ssize(c.slots)) return nullptr;
  const auto find_candidates = [&](bool among_ahead) {
    candidates_.clear();
    for (const size_t i : c.slots) {
      const Slot& slot = slots_[i];
      if (slot.expert >= 0 && !slot.in_use && !slot.reading && slot.ahead == among_ahead)
        candidates_.push_back(slot.expert);
    }
  };
  const auto vacant = [&](size_t i) { return slots_[i].expert < 0; };
  if (const auto empty_one = std::find_if(c.slots.begin(), c.slots.end(), vacant); empty_one != c.slots.end())
    return &slots_[*empty_one];
  find_candidates(false);
  if (candidates_.empty() && !ahead) find_candidates(true);
  if (candidates_.empty()) return nullptr;
  Slot* slot = slot_of_[static_cast<size_t>(policy_->choose(candidates_))];
  empty(*slot);
  if (poison_) std::memset(slot->memory, 0xff, c.slot_bytes);
  return slot;
}

void CachedExperts::empty(Slot& slot) {
  policy_->left(slot.expert);
  slot_of_[static_cast<size_t>(slot.expert)] = nullptr;
  slot.expert = -1;
  if (slot.ahead) ++counters_.wasted_prefetches;
  slot.ahead = false;
  slot.in_use = false;
  slot.failed = false;
}

}  // namespace moeflow
