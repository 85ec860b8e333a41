// How many slots of which size a number of bytes makes.
#pragma once

#include <array>

#include "experts/layout.h"
#include "experts/residency.h"

namespace moeflow {

// What a slot holds: the file's blocks around the matrices of an expert, for direct reads, or the matrices alone, each
// from a cache line on.
enum class SlotContent { kBlocks, kMatrices };

// Where in a slot each part begins, and behind them the end.
using SlotOffsets = std::array<uint64_t, kExpertParts + 1>;
SlotOffsets slot_offsets(const ExpertRanges& expert, SlotContent content);

// Layers whose experts are equally large share slots, and the bytes are divided among the sizes by their share of the
// model.
class SlotPlan {
 public:
  // Of all experts, and how many of a layer a token uses.
  SlotPlan(const ExpertLayout& layout, int used, SlotContent content = SlotContent::kBlocks);

  // The fewest bytes that hold `used` experts of every size, and what all experts take.
  uint64_t fewest_bytes() const;
  uint64_t most_bytes() const { return most_; }

  // The slots that `bytes` make, at most one per expert.
  SlotClasses classes(uint64_t bytes) const;
  int64_t slots(uint64_t bytes) const;
  uint64_t slot_bytes(size_t slot_class) const { return sizes_[slot_class].slot_bytes; }

 private:
  struct Size {
    uint64_t expert_bytes = 0;  // of the matrices
    uint64_t slot_bytes = 0;
    uint64_t experts = 0;
  };

  uint64_t slots_of(const Size& size, uint64_t bytes) const;

  int used_;
  uint64_t most_ = 0;
  std::vector<Size> sizes_;
  std::vector<int32_t> size_of_layer_;
};

}  // namespace moeflow
