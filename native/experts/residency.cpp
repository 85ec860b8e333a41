#include "experts/residency.h"

#include <algorithm>

#include "base/error.h"

namespace moeflow {

Residency::Residency(const ExpertGrid& grid, SlotClasses classes, std::unique_ptr<EvictionPolicy> policy)
    : grid_(grid),
      classes_(std::move(classes)),
      policy_(std::move(policy)),
      class_begin_(1, 0),
      counts_(classes_.slots.size()),
      slot_of_(static_cast<size_t>(grid.experts()), kNone),
      wasted_(static_cast<size_t>(grid.layers)),
      turns_(classes_.slots.size()) {
  for (size_t c = 0; c < classes_.slots.size(); ++c) {
    Slot empty;
    empty.slot_class = static_cast<int32_t>(c);
    slots_.insert(slots_.end(), static_cast<size_t>(classes_.slots[c]), empty);
    class_begin_.push_back(slots());
  }
  candidates_.reserve(slots_.size());
}

std::span<const Residency::Place> Residency::request(int32_t layer, std::span<const int32_t> experts,
                                                     size_t generating) {
  for (const Place& place : places_) slot_at(place.slot).held = false;
  for (Turn& turn : turns_) turn.clear();
  places_.clear();
  absent_.clear();
  layer_ = layer;
  policy_->layer_begins(layer);
  // Those that are here first, so that none of them makes room for another.
  for (size_t i = 0; i < experts.size(); ++i) {
    const int32_t expert = layer * grid_.per_layer + experts[i];
    const int32_t slot = slot_of(expert);
    if (slot == kNone) {
      absent_.push_back(i);
      continue;
    }
    add_place({expert, slot, true, kNone});
    use(slot, i < generating);
  }
  for (const size_t i : absent_) {
    const Place place = place_absent(layer * grid_.per_layer + experts[i], i >= generating);
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
  if (slot_of(p.expert) == p.slot) slot_at(p.slot).held = false;
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
  set_passing(slot_at(place.slot), for_prompt);
  return place;
}

int32_t Residency::fetch_ahead(int32_t expert, bool for_prompt) {
  const int32_t c = class_of(expert);
  if (2 * (counts_[static_cast<size_t>(c)].ahead + 1) > size_of_class(c)) return kNone;
  int32_t slot = empty_slot(c);
  if (slot == kNone) {
    slot = leaving_slot(c, false, for_prompt);
    if (slot == kNone) return kNone;
    if (!slot_at(slot).passing && !policy_->gives_way(expert_in(slot), expert)) return kNone;
  }
  put(slot, expert);
  set_ahead(slot_at(slot), true);
  set_passing(slot_at(slot), for_prompt);
  return slot;
}

void Residency::expect(int32_t layer, int32_t expert) {
  policy_->expected(expert, grid_.requests_until(layer, layer_));
}

void Residency::clear(int32_t slot) {
  take_out(slot);
  slot_at(slot).held = false;
}

int32_t Residency::empty_slot(int32_t c) {
  for (int32_t slot = class_begin_[static_cast<size_t>(c)]; slot < class_begin_[static_cast<size_t>(c) + 1]; ++slot) {
    if (slot_at(slot).expert == kNone && !slot_at(slot).filling) return slot;
  }
  return kNone;
}

// Experts that only prompts have used go first, and of those the ones whose layer comes again the latest: a prompt goes
// through all layers in turn, and with any other order it would find none of its own. `spare_generating`: they may not
// have more than half of the slots; then no other expert goes.
int32_t Residency::leaving_slot(int32_t c, bool among_ahead, bool spare_generating) {
  candidates_.clear();
  int32_t passing = kNone;
  int32_t latest = 0;
  for (int32_t slot = class_begin_[static_cast<size_t>(c)]; slot < class_begin_[static_cast<size_t>(c) + 1]; ++slot) {
    const Slot& s = slot_at(slot);
    if (s.expert == kNone || s.held || s.filling || s.ahead != among_ahead) continue;
    if (!s.passing) {
      candidates_.push_back(s.expert);
      continue;
    }
    const int32_t until = grid_.requests_until(grid_.layer_of(s.expert), layer_);
    if (until > latest) {
      passing = slot;
      latest = until;
    }
  }
  if (passing != kNone) return passing;
  if (spare_generating && 2 * counts_[static_cast<size_t>(c)].passing >= size_of_class(c)) return kNone;
  return candidates_.empty() ? kNone : slot_of(policy_->choose(candidates_));
}

int32_t Residency::slot_in_turn(int32_t c, bool passing_only, int32_t& after) {
  Turn& turn = turns_[static_cast<size_t>(c)];
  const auto next = turn.places.begin() + static_cast<std::ptrdiff_t>(turn.next);
  const auto found = std::find_if(next, turn.places.end(), [&](int32_t place) {
    return !passing_only || slot_at(places_[static_cast<size_t>(place)].slot).passing;
  });
  if (found == turn.places.end()) return kNone;
  after = *found;
  std::rotate(next, found, found + 1);
  ++turn.next;
  return places_[static_cast<size_t>(after)].slot;
}

// One that the bytes of a request that was given up, or of an expert fetched ahead, are on their way to.
int32_t Residency::filling_slot(int32_t c, bool among_ahead) {
  for (int32_t slot = class_begin_[static_cast<size_t>(c)]; slot < class_begin_[static_cast<size_t>(c) + 1]; ++slot) {
    const Slot& s = slot_at(slot);
    if (s.filling && !s.held && s.ahead == among_ahead) return slot;
  }
  return kNone;
}

void Residency::put(int32_t slot, int32_t expert) {
  if (const Slot& s = slot_at(slot); s.expert != kNone) {
    if (s.ahead) ++wasted_[static_cast<size_t>(grid_.layer_of(s.expert))];
    take_out(slot);
  }
  slot_at(slot).expert = expert;
  slot_of_[static_cast<size_t>(expert)] = slot;
}

void Residency::take_out(int32_t slot) {
  Slot& s = slot_at(slot);
  policy_->left(s.expert);
  slot_of_[static_cast<size_t>(s.expert)] = kNone;
  set_ahead(s, false);
  set_passing(s, false);
  s.expert = kNone;
}

void Residency::use(int32_t slot, bool generating) {
  Slot& s = slot_at(slot);
  s.held = true;
  set_ahead(s, false);
  if (!generating) return;
  set_passing(s, false);
  policy_->used(s.expert);
}

void Residency::set_ahead(Slot& slot, bool ahead) {
  counts_[static_cast<size_t>(slot.slot_class)].ahead += int32_t{ahead} - int32_t{slot.ahead};
  slot.ahead = ahead;
}

void Residency::set_passing(Slot& slot, bool passing) {
  counts_[static_cast<size_t>(slot.slot_class)].passing += int32_t{passing} - int32_t{slot.passing};
  slot.passing = passing;
}

}  // namespace moeflow
