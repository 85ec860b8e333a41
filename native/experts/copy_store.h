// Experts in a slower memory (all of them, or a cache with the file below it), copied into the slots of a faster one by
// a thread of its own, at a limited speed if wanted. It stands for the copy engine of a device.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "experts/cache.h"
#include "experts/layout.h"
#include "experts/store.h"

namespace moeflow {

class CopyStore final : public ExpertStore {
 public:
  // `layout` must stay. `lower` is asked by the copying thread alone; `lower_cache` is the same, if it is a cache.
  // `bytes_per_second`: the most it copies; 0: as many as it can. Throws Error(kOutOfMemory).
  CopyStore(const ExpertLayout& layout, std::unique_ptr<ExpertSource> lower, const CachedExperts* lower_cache,
            double bytes_per_second);
  // Waits for the copy under way; drops the others.
  ~CopyStore() override;
  CopyStore(const CopyStore&) = delete;
  CopyStore& operator=(const CopyStore&) = delete;

  SlotContent slot_content() const override { return SlotContent::kMatrices; }
  void fetch(BackgroundRead& read, ExpertId id, uint8_t* slot, ReadPriority priority, bool for_prompt) override;
  ExpertWeights weights(ExpertId id, const uint8_t* slot) const override;
  void promote(const BackgroundRead& read) override;
  bool cancel(BackgroundRead& read) override;
  bool wait(std::chrono::milliseconds most, const std::function<bool()>& look) override;

  // What is asked for again after an interruption or a failure, `lower` counts again.
  // The lower cache's counters by layer, as they were at the last end of a copy; empty if there is none.
  std::vector<CacheCounters> lower_counters() const;

 private:
  struct Job {
    BackgroundRead* read = nullptr;
    ExpertId id{};
    uint8_t* slot = nullptr;
    bool for_prompt = false;
    bool alone = false;  // not together with others, so that an error is its own
  };

  const ExpertRanges& ranges_of(ExpertId id) const {
    return layout_[static_cast<size_t>(id.layer)][static_cast<size_t>(id.expert)];
  }
  void work();
  std::vector<Job> take_batch();
  void carry_out(std::vector<Job>& batch, bool interruptible);
  void copy(const Job& job);
  void keep_to_speed(uint64_t bytes, std::chrono::steady_clock::time_point start);
  void finish(const Job& job, BackgroundRead::State state, const std::string& error);

  const ExpertLayout& layout_;
  std::unique_ptr<ExpertSource> lower_;
  const CachedExperts* lower_cache_;
  double bytes_per_second_;
  mutable std::mutex mutex_;
  std::condition_variable submitted_;
  std::condition_variable finished_;
  std::deque<Job> demands_;
  std::deque<Job> prefetches_;
  std::vector<CacheCounters> lower_counters_;
  const BackgroundRead* in_hand_ = nullptr;  // of the prefetch that the thread is busy with,
  bool in_hand_promoted_ = false;            // and whether somebody waits for it by now
  bool stop_ = false;
  std::atomic<bool> interrupted_ = false;  // a demand has come while prefetches are waited for
  std::thread thread_;
};

}  // namespace moeflow
