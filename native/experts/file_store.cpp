#include "experts/file_store.h"

#include <array>

#include "experts/slot_plan.h"

namespace moeflow {
namespace {

// Where in a slot the blocks of each matrix begin.
std::array<uint64_t, kExpertParts> block_offsets(const ExpertRanges& ranges) {
  std::array<uint64_t, kExpertParts> offsets{};
  uint64_t at = 0;
  for (size_t part = 0; part < kExpertParts; ++part) {
    offsets[part] = at;
    at += block_bytes(ranges.part[part]);
  }
  return offsets;
}

}  // namespace

void FileStore::fetch(BackgroundRead& read, ExpertId id, uint8_t* slot, ReadPriority priority) {
  const ExpertRanges& ranges = ranges_of(id);
  const auto offsets = block_offsets(ranges);
  std::array<ReadRange, kExpertParts> reads;
  for (size_t part = 0; part < kExpertParts; ++part) {
    const MatrixRange& range = ranges.part[part];
    const uint64_t from = align_down(range.offset);
    reads[part] = {range.file, from, block_bytes(range), range.offset + range.bytes - from, slot + offsets[part]};
  }
  queue_.submit(read, reads, priority);
}

uint64_t FileStore::fetch_bytes(ExpertId id) const { return block_bytes(ranges_of(id)); }

ExpertWeights FileStore::weights(ExpertId id, const uint8_t* slot) const {
  const ExpertRanges& ranges = ranges_of(id);
  const auto offsets = block_offsets(ranges);
  std::array<const uint8_t*, kExpertParts> address{};
  for (size_t part = 0; part < kExpertParts; ++part) {
    const uint64_t offset = ranges.part[part].offset;
    address[part] = slot + offsets[part] + (offset - align_down(offset));
  }
  return matrices_at(ranges, address);
}

}  // namespace moeflow
