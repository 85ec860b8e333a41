#include "experts/slot_plan.h"

#include <algorithm>

#include "base/memory.h"
#include "experts/direct_file.h"

namespace moeflow {
namespace {

constexpr uint64_t kCacheLine = 64;

}  // namespace

SlotOffsets slot_offsets(const ExpertRanges& expert, SlotContent content) {
  SlotOffsets offsets{};
  for (size_t part = 0; part < kExpertParts; ++part) {
    const MatrixRange& range = expert.part[part];
    const uint64_t bytes = content == SlotContent::kBlocks
                               ? align_up(range.offset + range.bytes) - align_down(range.offset)
                               : (range.bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
    offsets[part + 1] = offsets[part] + bytes;
  }
  return offsets;
}

SlotPlan::SlotPlan(const ExpertLayout& layout, int used, SlotContent content) : used_(used) {
  for (const auto& layer : layout) {
    uint64_t largest = 0;
    for (const ExpertRanges& expert : layer) largest = std::max(largest, expert.bytes());
    auto size = std::find_if(sizes_.begin(), sizes_.end(), [&](const Size& s) { return s.expert_bytes == largest; });
    if (size == sizes_.end() && !layer.empty()) size = sizes_.insert(size, {largest, 0, 0});
    // A layer without experts asks for none: any class will do.
    size_of_layer_.push_back(layer.empty() ? 0 : static_cast<int32_t>(size - sizes_.begin()));
    for (const ExpertRanges& expert : layer) {
      size->slot_bytes = std::max(size->slot_bytes, slot_offsets(expert, content).back());
      ++size->experts;
    }
  }
  for (const Size& size : sizes_) most_ += checked_multiply(size.slot_bytes, size.experts, "expert slots");
}

uint64_t SlotPlan::slots_of(const Size& size, uint64_t bytes) const {
  return checked_multiply(std::min(bytes, most_), size.experts, "expert slots") / most_;
}

// So many that slots_of() is enough for every size.
uint64_t SlotPlan::fewest_bytes() const {
  uint64_t fewest = 0;
  for (const Size& size : sizes_) {
    const uint64_t wanted = std::min(static_cast<uint64_t>(used_), size.experts);
    fewest = std::max(fewest, (checked_multiply(wanted, most_, "expert slots") + size.experts - 1) / size.experts);
  }
  return fewest;
}

SlotClasses SlotPlan::classes(uint64_t bytes) const {
  SlotClasses classes{size_of_layer_, {}};
  for (const Size& size : sizes_) classes.slots.push_back(static_cast<int32_t>(slots_of(size, bytes)));
  return classes;
}

int64_t SlotPlan::slots(uint64_t bytes) const {
  int64_t slots = 0;
  for (const Size& size : sizes_) slots += static_cast<int64_t>(slots_of(size, bytes));
  return slots;
}

}  // namespace moeflow
