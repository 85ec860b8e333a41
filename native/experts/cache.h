// A part of the experts in memory, the others in the file: slots, who is in them, who leaves, and the counting.
//
// A slot takes one expert, exactly as the blocks of the file around its matrices, so that a direct read needs no copy.
// Experts of equal size (all, in most files) share a class of slots across all layers; the budget is divided among the
// classes by their share of the model. A slot whose expert was handed out, or is being read, cannot be taken.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/memory.h"
#include "experts/layout.h"
#include "experts/policy/policy.h"
#include "experts/read_queue.h"
#include "experts/source.h"

namespace moeflow {

struct CacheOptions {
  uint64_t bytes = 0;          // for all slots
  std::string policy = "lfu";  // see make_policy
  bool prefetch = true;        // fetch ahead what a layer will probably need
  ReadMethod read_method = ReadMethod::kAuto;
  uint64_t read_bytes = ReadOptions().bytes;
  int read_depth = ReadOptions().depth;
  bool poison = false;  // for tests: overwrite what has left
  ReadQueue::BeforeRead before_read;
};

// One request is one use per expert, whatever the number of tokens that go through it.
struct CacheCounters {
  uint64_t hits = 0;               // was in memory
  uint64_t late_hits = 0;          // was on its way
  uint64_t misses = 0;             // had to be asked for
  uint64_t prefetches = 0;         // fetched ahead
  uint64_t wasted_prefetches = 0;  // of these, left without having been used
  uint64_t bytes_read = 0;         // from the file
  double stall_seconds = 0;        // in which the computation waited for reads
};

class CachedExperts final : public ExpertSource {
 public:
  // `layout` must stay; a token uses `used` experts of each layer. Throws Error(kInvalidArgument) when the bytes do not
  // hold `used` experts of every size, naming the fewest that do; Error(kIo), Error(kOutOfMemory).
  CachedExperts(const ExpertLayout& layout, const std::vector<std::string>& paths, int used,
                const CacheOptions& options);

  // The fewest bytes of slots that hold `used` experts of every size.
  static uint64_t fewest_bytes(const ExpertLayout& layout, int used);
  // What slots for all experts take.
  static uint64_t most_bytes(const ExpertLayout& layout);

  // How many slots `bytes` make, at most one per expert.
  static int64_t slots_in(const ExpertLayout& layout, uint64_t bytes);

  std::span<const int32_t> request(int32_t layer, std::span<const int32_t> experts) override;
  std::span<const int32_t> next(const std::atomic<bool>* cancelled) override;
  bool takes_hints() const override { return prefetch_; }
  void expect(int32_t layer, std::span<const int32_t> experts) override;
  ExpertWeights weights(ExpertId id) const override;

  const CacheCounters& counters() const { return counters_; }
  int slots() const { return static_cast<int>(slots_.size()); }
  const std::string& policy() const { return policy_name_; }

 private:
  struct Slot {
    uint8_t* memory = nullptr;
    int32_t expert = -1;   // number across all layers, -1: empty
    bool in_use = false;   // handed out, or wanted by the request under way
    bool reading = false;  // its bytes are on their way
    bool joined = false;   // were so already when the request under way came
    bool ahead = false;    // fetched ahead, and not used since
    bool failed = false;   // they did not come
    BackgroundRead read;
  };
  struct SlotClass {
    uint64_t expert_bytes = 0;  // the experts' own
    uint64_t slot_bytes = 0;
    uint64_t experts = 0;
    std::vector<size_t> slots;
  };

  static std::vector<SlotClass> classes_of(const ExpertLayout& layout);
  void make_slots(uint64_t bytes);

  // Experts are numbered across all layers.
  int32_t number(int32_t expert) const { return layer_ * per_layer_ + expert; }
  Slot* slot_of(int32_t expert) const { return slot_of_[static_cast<size_t>(number(expert))]; }
  const ExpertRanges& ranges_of(int32_t number) const;

  void take_over_finished_reads();
  void hand_out_arrived();
  void wait_for_a_read();
  void give_up_prefetches();
  void start_reads();
  void start_read(Slot& slot, int32_t number, ReadPriority priority);
  Slot* make_room(int32_t number, ReadPriority priority);
  void empty(Slot& slot);

  const ExpertLayout& layout_;
  int32_t per_layer_ = 0;
  std::string policy_name_;
  bool prefetch_;
  bool poison_;
  std::vector<SlotClass> classes_;
  AlignedBuffer arena_;
  std::vector<Slot> slots_;
  std::vector<Slot*> slot_of_;  // [number], null: not in memory
  std::unique_ptr<EvictionPolicy> policy_;
  CacheCounters counters_;
  // The request under way, as experts of layer_.
  int32_t layer_ = 0;
  std::vector<int32_t> waiting_;  // for a slot
  std::vector<int32_t> coming_;   // being read
  std::vector<int32_t> handed_out_;
  std::vector<int32_t> candidates_;  // scratch of make_room
  ReadQueue queue_;                  // last, so first to go: its threads write into the slots
};

}  // namespace moeflow
