#include "experts/file_store.h"

#include <array>

namespace moeflow {

void FileStore::fetch(BackgroundRead& read, ExpertId id, uint8_t* slot, ReadPriority priority, bool) {
  const ExpertRanges& ranges = ranges_of(id);
  const SlotOffsets offsets = slot_offsets(ranges, slot_content());
  std::array<ReadRange, kExpertParts> reads;
  for (size_t part = 0; part < kExpertParts; ++part) {
    const MatrixRange& range = ranges.part[part];
    const uint64_t from = align_down(range.offset);
    reads[part] = {range.file, from, offsets[part + 1] - offsets[part], range.offset + range.bytes - from,
                   slot + offsets[part]};
  }
  queue_.submit(read, reads, priority);
}

ExpertWeights FileStore::weights(ExpertId id, const uint8_t* slot) const {
  const ExpertRanges& ranges = ranges_of(id);
  const SlotOffsets offsets = slot_offsets(ranges, slot_content());
  std::array<const uint8_t*, kExpertParts> address{};
  for (size_t part = 0; part < kExpertParts; ++part) {
    const uint64_t offset = ranges.part[part].offset;
    address[part] = slot + offsets[part] + (offset - align_down(offset));
  }
  return matrices_at(ranges, address);
}

}  // namespace moeflow
