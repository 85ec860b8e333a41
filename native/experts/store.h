// The tier below a cache of experts: it brings their bytes into slots, in the background, those first that somebody
// waits for.
#pragma once

#include <chrono>
#include <functional>

#include "experts/expert.h"
#include "experts/read_queue.h"
#include "experts/slot_plan.h"

namespace moeflow {

class ExpertStore {
 public:
  virtual ~ExpertStore() = default;

  virtual SlotContent slot_content() const = 0;
  // Brings an expert into a slot, for a prompt alone or for generated tokens. `read` tells of its end, and both are
  // left alone until then.
  virtual void fetch(BackgroundRead& read, ExpertId id, uint8_t* slot, ReadPriority priority, bool for_prompt) = 0;
  // The matrices of an expert that is in a slot.
  virtual ExpertWeights weights(ExpertId id, const uint8_t* slot) const = 0;

  // See ReadQueue.
  virtual void promote(const BackgroundRead& read) = 0;
  virtual bool cancel(BackgroundRead& read) = 0;
  virtual bool wait(std::chrono::milliseconds most, const std::function<bool()>& look) = 0;
};

}  // namespace moeflow
