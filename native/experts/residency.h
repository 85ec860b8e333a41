// Who has a place in memory: experts, slots, and the rules by which one makes room for another. It knows nothing of
// bytes, time or threads, so that a cache at work and a simulation of its trace come to the same result.
//
// The whole request of a layer is decided at once, in order, before a byte moves. Those that are here are kept first;
// the others take empty slots, then those of experts that may leave, and when there are no more, one after another
// the slots of the request's own experts, as these are done.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "experts/policy/policy.h"

namespace moeflow {

// Experts of different sizes do not share slots.
struct SlotClasses {
  std::vector<int32_t> of_layer;  // [layer]; all experts of a layer have one size
  std::vector<int32_t> slots;     // [class]
};

class Residency {
 public:
  static constexpr int32_t kNone = -1;

  // An expert of a request and the slot that it gets.
  struct Place {
    int32_t expert = kNone;  // number in the grid
    int32_t slot = kNone;
    bool present = false;   // it has had the slot before
    int32_t after = kNone;  // index of the place whose expert must be done first, as it has the slot until then
  };

  Residency(const ExpertGrid& grid, SlotClasses classes, std::unique_ptr<EvictionPolicy> policy);

  // Gives places to the different `experts` of a layer; the first `generating` of them are used by tokens that are
  // being generated, the others by prompts alone. Those that were present come first. Ends the request before.
  std::span<const Place> request(int32_t layer, std::span<const int32_t> experts, size_t generating);
  // The same layer asks for others, as if that were a request of its own for which the policy sees no new layer begin.
  std::span<const Place> request_more(std::span<const int32_t> experts, size_t generating);
  // Its expert has been used, and may leave.
  void done(size_t place);

  // Tells the policy how probable it is of each expert of a layer, [expert], that the layer asks for it when its turn
  // comes, whether or not it is present, and what its next use after that is worth: see EvictionPolicy::expected.
  void foresee(int32_t layer, std::span<const float> probabilities, std::span<const float> later);
  // The same of some that are as good as sure, where nothing is known of later uses.
  void expect(int32_t layer, std::span<const int32_t> experts);
  // A slot for an expert that is expected, kNone if there is none to spare: it takes neither one that the request under
  // way holds, nor one fetched ahead for a request still to come, nor one of which the policy says so, and no more than
  // half of all. When its layer asks for others, the expert may leave as any other, for these too.
  int32_t fetch_ahead(int32_t expert, bool for_prompt);

  // The expert in it did not come after all.
  void clear(int32_t slot);
  // A slot into which bytes are under way is given away last.
  void set_filling(int32_t slot, bool filling) { mark(slot, kFilling, filling); }

  int32_t slots() const { return static_cast<int32_t>(slots_.size()); }
  int32_t slot_of(int32_t expert) const { return slot_of_[static_cast<size_t>(expert)]; }
  int32_t expert_in(int32_t slot) const { return slots_[static_cast<size_t>(slot)].expert; }
  // Fetched ahead, and not used since.
  bool is_ahead(int32_t slot) const { return slots_[static_cast<size_t>(slot)].unused; }
  // Used, or wanted, by prompts alone.
  bool is_passing(int32_t slot) const { return marked(slot, kPassing); }
  // Experts of a layer that were fetched ahead and left without having been used.
  uint64_t wasted(int32_t layer) const { return wasted_[static_cast<size_t>(layer)]; }

 private:
  struct Slot {
    int32_t expert = kNone;
    int32_t slot_class = 0;
    bool unused = false;  // since its expert was fetched ahead
  };
  // Slots of one class. What there is none of need not be looked for.
  struct Counts {
    int32_t ahead = 0;
    int32_t passing = 0;
    int32_t filling = 0;
    int32_t empty = 0;
    int32_t first_empty = 0;  // no slot before it is empty
  };
  // Of one class, the places of the request under way, as their experts will be done.
  struct Turn {
    std::vector<int32_t> places;
    size_t next = 0;
    void clear() {
      places.clear();
      next = 0;
    }
  };

  int32_t class_of(int32_t expert) const { return classes_.of_layer[static_cast<size_t>(grid_.layer_of(expert))]; }
  int32_t size_of_class(int32_t c) const { return classes_.slots[static_cast<size_t>(c)]; }
  Slot& slot_at(int32_t slot) { return slots_[static_cast<size_t>(slot)]; }
  Counts& counts_at(int32_t slot) { return counts_[static_cast<size_t>(slot_at(slot).slot_class)]; }
  bool marked(int32_t slot, SlotMark mark) const { return (marks_[static_cast<size_t>(slot)] & mark) != 0; }
  void mark(int32_t slot, SlotMark mark, bool value);

  void add_place(Place place);
  void release_ahead();
  Place place_absent(int32_t expert, bool for_prompt);
  int32_t empty_slot(int32_t c);
  int32_t leaving_slot(int32_t c, bool among_ahead, bool spare_generating);
  int32_t passing_slot(int32_t c, uint8_t other_marks);
  int32_t slot_in_turn(int32_t c, bool passing_only, int32_t& after);
  int32_t filling_slot(int32_t c, bool among_ahead);
  void put(int32_t slot, int32_t expert);
  void take_out(int32_t slot);
  void use(int32_t slot, bool generating);

  ExpertGrid grid_;
  SlotClasses classes_;
  std::unique_ptr<EvictionPolicy> policy_;
  bool policy_keeps_order_;
  std::vector<Slot> slots_;                  // class by class
  std::vector<uint8_t> marks_;               // [slot] of SlotMark
  std::vector<int32_t> class_begin_;         // [class + 1]
  std::vector<Counts> counts_;               // [class]
  std::vector<int32_t> slot_of_;             // [expert]
  std::vector<uint64_t> wasted_;             // [layer]
  std::vector<std::vector<int32_t>> ahead_;  // [layer] experts fetched ahead since its last request
  // The request under way.
  int32_t layer_ = 0;
  std::vector<int32_t> passed_by_;  // fetched ahead for it
  std::vector<Place> places_;
  std::vector<Turn> turns_;     // [class]
  std::vector<size_t> absent_;  // indices of the request's experts
  std::vector<int32_t> candidates_;
};

}  // namespace moeflow
