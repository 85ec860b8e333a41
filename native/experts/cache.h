// A part of the experts in fast memory, the others in the tier below: Residency says who is where, an ExpertStore
// brings the bytes, and this class holds the slots' memory, waits, and counts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/memory.h"
#include "experts/layout.h"
#include "experts/residency.h"
#include "experts/slot_plan.h"
#include "experts/source.h"
#include "experts/store.h"

namespace moeflow {

struct CacheOptions {
  uint64_t bytes = 0;           // for all slots
  std::string policy = "plec";  // see make_policy
  std::vector<ExpertId> hot;    // for the policy "static": who stays, the most wanted first
  bool prefetch = true;         // fetch ahead what a layer will probably need
  bool poison = false;          // for tests: overwrite what has left
};

// One request is one use per expert, whatever the number of tokens that go through it.
struct CacheCounters {
  uint64_t hits = 0;               // was in memory
  uint64_t late_hits = 0;          // was on its way
  uint64_t misses = 0;             // had to be asked for
  uint64_t prefetches = 0;         // fetched ahead, when they have come
  uint64_t wasted_prefetches = 0;  // of these, left without having been used
  uint64_t bytes_read = 0;         // from the tier below, when they have come
  double stall_seconds = 0;        // in which the computation waited for reads

  CacheCounters& operator+=(const CacheCounters& other);
  CacheCounters& operator-=(const CacheCounters& other);
};

class CachedExperts final : public ExpertSource {
 public:
  // `layout` must stay; a token uses `used` experts of each layer. Throws Error(kInvalidArgument) when the bytes do not
  // hold `used` experts of every size, naming the fewest that do, or for a policy; Error(kOutOfMemory).
  CachedExperts(const ExpertLayout& layout, int used, std::unique_ptr<ExpertStore> store, const CacheOptions& options);

  std::span<const int32_t> request(int32_t layer, std::span<const int32_t> experts, size_t generating) override;
  std::span<const int32_t> next(const std::atomic<bool>* cancelled) override;
  bool takes_hints() const override { return prefetch_; }
  void foresee(int32_t layer, std::span<const float> probabilities, std::span<const float> later) override;
  bool fetch_ahead(int32_t layer, std::span<const int32_t> experts, bool for_prompt) override;
  bool expect(int32_t layer, std::span<const int32_t> experts, bool for_prompt) override;
  ExpertWeights weights(ExpertId id) const override;

  CacheCounters counters() const;
  CacheCounters counters_of(int32_t layer) const;
  int slots() const { return residency_.slots(); }
  // Whether its bytes are here now.
  bool holds(ExpertId id) const;
  const std::string& policy() const { return policy_name_; }

 private:
  struct Slot {
    uint8_t* memory = nullptr;
    uint64_t bytes = 0;
    int32_t expert = Residency::kNone;  // whose bytes it has or is getting
    bool reading = false;               // its bytes are on their way
    bool failed = false;                // they did not come
    bool ahead = false;                 // they were sent for before anybody asked
    BackgroundRead read;
  };
  // What has become of a place of the request under way.
  enum class Progress { kWaiting, kReading, kHandedOut, kDone };
  struct PlaceState {
    Progress progress = Progress::kWaiting;
    bool joined = false;  // its bytes were on their way already when the request came
  };

  CachedExperts(const ExpertGrid& grid, const SlotPlan& plan, std::unique_ptr<ExpertStore>&& store,
                const CacheOptions& options);
  void make_slots(const SlotPlan& plan, uint64_t bytes);
  ExpertId id_of(int32_t number) const;
  Slot& slot_at(int32_t slot) { return slots_[static_cast<size_t>(slot)]; }
  CacheCounters& counting() { return counters_[static_cast<size_t>(layer_)]; }

  void end_request();
  void give_up_prefetches(int32_t layer, std::span<const int32_t> experts);
  void take_over_finished_reads();
  void count_read(const Slot& slot);
  bool awaited(int32_t slot) const;
  void start_reads();
  void start_read(int32_t slot, int32_t number, ReadPriority priority);
  void hand_out_arrived();
  void hand_out(size_t place);
  void wait_for_a_read();

  ExpertGrid grid_;
  std::string policy_name_;
  bool prefetch_;
  bool poison_;
  Residency residency_;
  AlignedBuffer arena_;
  std::vector<Slot> slots_;
  std::vector<int32_t> reading_;         // slots
  std::vector<CacheCounters> counters_;  // [layer]
  // The request under way.
  int32_t layer_ = 0;
  std::span<const Residency::Place> places_;
  std::vector<PlaceState> states_;      // [place]
  std::vector<size_t> in_hand_;         // places handed out last,
  std::vector<int32_t> handed_out_;     // and their experts
  std::unique_ptr<ExpertStore> store_;  // last, so first to go: it writes into the slots
};

}  // namespace moeflow
