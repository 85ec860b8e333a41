#include "experts/residency.h"

#include <algorithm>

#include "base/error.h"

namespace moeflow {

Residency::Residency(const ExpertGrid& grid, SlotClasses classes, std::unique_ptr<EvictionPolicy> policy)
    : grid_(grid),
      classes_(std::move(classes)),
      policy_(std::move(policy)),
      policy_keeps_order_(policy_->keeps_order()),
      class_begin_(1, 0),
      counts_(classes_.slots.size()),
      slot_of_(static_cast<size_t>(grid.experts()), kNone),
      wasted_(static_cast<size_t>(grid.layers)),
      ahead_(static_cast<size_t>(grid.layers)),
      turns_(classes_.slots.size()) {
  for (size_t c = 0; c < classes_.slots.size(); ++c) {
    Slot empty;
    empty.slot_class = static_cast<int32_t>(c);
    slots_.insert(slots_.end(), static_cast<size_t>(classes_.slots[c]), empty);
    counts_[c].empty = classes_.slots[c];
    counts_[c].first_empty = class_begin_.back();
    class_begin_.push_back(slots());
  }
  marks_.resize(slots_.size(), kEmpty);
  candidates_.reserve(slots_.size());
}

std::span<const Residency::Place> Residency::request(int32_t layer, std::span<const int32_t> experts,
                                                     size_t generating) {
  layer_ = layer;
  std::swap(passed_by_, ahead_[static_cast<size_t>(layer)]);
  policy_->layer_begins(layer);
  return request_more(experts, generating);
}

// What was fetched for this request, which does not ask for it.
void Residency::release_ahead() {
  for (const int32_t expert : passed_by_) {
    if (slot_of(expert) != kNone) mark(slot_of(expert), kAhead, false);
  }
  passed_by_.clear();
}

std::span<const Residency::Place> Residency::request_more(std::span<const int32_t> experts, size_t generating) {
  for (const Place& place : places_) {
    mark(place.slot, kHeld, false);
    turns_[static_cast<size_t>(slot_at(place.slot).slot_class)].clear();
  }
  places_.clear();
  absent_.clear();
  // Those that are here first, so that none of them makes room for another.
  for (size_t i = 0; i < experts.size(); ++i) {
    const int32_t expert = layer_ * grid_.per_layer + experts[i];
    const int32_t slot = slot_of(expert);
    if (slot == kNone) {
      absent_.push_back(i);
      continue;
    }
    add_place({expert, slot, true, kNone});
    use(slot, i < generating);
  }
  release_ahead();
  for (const size_t i : absent_) {
    const Place place = place_absent(layer_ * grid_.per_layer + experts[i], i >= generating);
    add_place(place);
    use(place.slot, i < generating);
  }
  return places_;
}

void Residency::add_place(Place place) {
  turns_[static_cast<size_t>(slot_at(place.slot).slot_class)].places.push_back(static_cast<int32_t>(places_.size()));
  places_.push_back(place);
}

void Residency::done(size_t place) {
  const Place& p = places_[place];
  // Otherwise another expert of the request waits for the slot.
  if (slot_of(p.expert) == p.slot) mark(p.slot, kHeld, false);
}

Residency::Place Residency::place_absent(int32_t expert, bool for_prompt) {
  const int32_t c = class_of(expert);
  Place place{expert, empty_slot(c), false, kNone};
  const auto otherwise = [&](auto&& find) {
    if (place.slot == kNone) place.slot = find();
  };
  otherwise([&] { return leaving_slot(c, false, for_prompt); });
  otherwise([&] { return filling_slot(c, false); });
  if (for_prompt) otherwise([&] { return slot_in_turn(c, true, place.after); });
  otherwise([&] { return leaving_slot(c, false, false); });
  otherwise([&] { return leaving_slot(c, true, false); });
  otherwise([&] { return slot_in_turn(c, false, place.after); });
  otherwise([&] { return filling_slot(c, true); });
  MOEFLOW_CHECK(place.slot != kNone);
  put(place.slot, expert);
  mark(place.slot, kPassing, for_prompt);
  return place;
}

int32_t Residency::fetch_ahead(int32_t expert, bool for_prompt) {
  const int32_t c = class_of(expert);
  if (2 * (counts_[static_cast<size_t>(c)].ahead + 1) > size_of_class(c)) return kNone;
  int32_t slot = empty_slot(c);
  if (slot == kNone) {
    slot = leaving_slot(c, false, for_prompt);
    if (slot == kNone) return kNone;
    if (!is_passing(slot) && !policy_->gives_way(expert_in(slot), expert)) return kNone;
  }
  put(slot, expert);
  mark(slot, kAhead, true);
  mark(slot, kPassing, for_prompt);
  slot_at(slot).unused = true;
  ahead_[static_cast<size_t>(grid_.layer_of(expert))].push_back(expert);
  return slot;
}

void Residency::foresee(int32_t layer, std::span<const float> probabilities, std::span<const float> later) {
  const int32_t requests = grid_.requests_until(layer, layer_);
  int32_t expert = layer * grid_.per_layer;
  for (size_t i = 0; i < probabilities.size(); ++i) {
    policy_->expected(expert++, requests, probabilities[i], later[i]);
  }
}

void Residency::expect(int32_t layer, std::span<const int32_t> experts) {
  const int32_t requests = grid_.requests_until(layer, layer_);
  for (const int32_t expert : experts) {
    policy_->expected(layer * grid_.per_layer + expert, requests, 1, kLaterNotKnown);
  }
}

void Residency::clear(int32_t slot) {
  take_out(slot);
  mark(slot, kHeld, false);
  mark(slot, kEmpty, true);
}

int32_t Residency::empty_slot(int32_t c) {
  Counts& counts = counts_[static_cast<size_t>(c)];
  if (counts.empty == 0) return kNone;
  const int32_t end = class_begin_[static_cast<size_t>(c) + 1];
  while (!marked(counts.first_empty, kEmpty)) ++counts.first_empty;
  for (int32_t slot = counts.first_empty; slot < end; ++slot) {
    if (marked(slot, kEmpty) && !marked(slot, kFilling)) return slot;
  }
  return kNone;
}

// Experts that only prompts have used go first, and of those the ones whose layer comes again the latest: a prompt goes
// through all layers in turn, and with any other order it would find none of its own. `spare_generating`: they may not
// have more than half of the slots; then no other expert goes.
int32_t Residency::leaving_slot(int32_t c, bool among_ahead, bool spare_generating) {
  const Counts& counts = counts_[static_cast<size_t>(c)];
  if (among_ahead && counts.ahead == 0) return kNone;
  const uint8_t mark = among_ahead ? kAhead : 0;
  if (counts.passing > 0) {
    const int32_t passing = passing_slot(c, mark | kPassing);
    if (passing != kNone) return passing;
  }
  if (spare_generating && 2 * counts.passing >= size_of_class(c)) return kNone;
  if (policy_keeps_order_) {
    const int32_t expert = policy_->first_to_leave(c, marks_, mark);
    return expert == kNone ? kNone : slot_of(expert);
  }
  candidates_.clear();
  for (int32_t slot = class_begin_[static_cast<size_t>(c)]; slot < class_begin_[static_cast<size_t>(c) + 1]; ++slot) {
    if (marks_[static_cast<size_t>(slot)] == mark) candidates_.push_back(expert_in(slot));
  }
  return candidates_.empty() ? kNone : slot_of(policy_->choose(candidates_));
}

int32_t Residency::passing_slot(int32_t c, uint8_t mark) {
  int32_t passing = kNone;
  int32_t latest = 0;
  for (int32_t slot = class_begin_[static_cast<size_t>(c)]; slot < class_begin_[static_cast<size_t>(c) + 1]; ++slot) {
    if (marks_[static_cast<size_t>(slot)] != mark) continue;
    const int32_t until = grid_.requests_until(grid_.layer_of(expert_in(slot)), layer_);
    if (until > latest) {
      passing = slot;
      latest = until;
    }
  }
  return passing;
}

int32_t Residency::slot_in_turn(int32_t c, bool passing_only, int32_t& after) {
  Turn& turn = turns_[static_cast<size_t>(c)];
  const auto next = turn.places.begin() + static_cast<std::ptrdiff_t>(turn.next);
  const auto found = std::find_if(next, turn.places.end(), [&](int32_t place) {
    return !passing_only || is_passing(places_[static_cast<size_t>(place)].slot);
  });
  if (found == turn.places.end()) return kNone;
  after = *found;
  std::rotate(next, found, found + 1);
  ++turn.next;
  return places_[static_cast<size_t>(after)].slot;
}

// One that the bytes of a request that was given up, or of an expert fetched ahead, are on their way to.
int32_t Residency::filling_slot(int32_t c, bool among_ahead) {
  if (counts_[static_cast<size_t>(c)].filling == 0) return kNone;
  for (int32_t slot = class_begin_[static_cast<size_t>(c)]; slot < class_begin_[static_cast<size_t>(c) + 1]; ++slot) {
    if (marked(slot, kFilling) && !marked(slot, kHeld) && marked(slot, kAhead) == among_ahead) return slot;
  }
  return kNone;
}

void Residency::put(int32_t slot, int32_t expert) {
  if (const int32_t leaving = expert_in(slot); leaving != kNone) {
    if (is_ahead(slot)) ++wasted_[static_cast<size_t>(grid_.layer_of(leaving))];
    take_out(slot);
  }
  mark(slot, kEmpty, false);
  slot_at(slot).expert = expert;
  slot_of_[static_cast<size_t>(expert)] = slot;
  if (policy_keeps_order_) policy_->entered(expert, slot, slot_at(slot).slot_class);
}

void Residency::take_out(int32_t slot) {
  Slot& s = slot_at(slot);
  policy_->left(s.expert);
  slot_of_[static_cast<size_t>(s.expert)] = kNone;
  s.expert = kNone;
  s.unused = false;
  mark(slot, kAhead, false);
  mark(slot, kPassing, false);
}

void Residency::use(int32_t slot, bool generating) {
  mark(slot, kHeld, true);
  mark(slot, kAhead, false);
  slot_at(slot).unused = false;
  if (!generating) return;
  mark(slot, kPassing, false);
  policy_->used(expert_in(slot));
}

void Residency::mark(int32_t slot, SlotMark mark, bool value) {
  uint8_t& marks = marks_[static_cast<size_t>(slot)];
  if (((marks & mark) != 0) == value) return;
  marks ^= mark;
  const int32_t change = value ? 1 : -1;
  Counts& counts = counts_at(slot);
  switch (mark) {
    case kHeld: break;
    case kAhead: counts.ahead += change; break;
    case kPassing: counts.passing += change; break;
    case kFilling: counts.filling += change; break;
    case kEmpty:
      counts.empty += change;
      if (value) counts.first_empty = std::min(counts.first_empty, slot);
      break;
  }
}

}  // namespace moeflow
