// Blocks of the key/value cache, handed out to sequences and taken back.
#pragma once

#include <vector>

#include "base/memory.h"
#include "model/batch.h"

namespace moeflow {

class KvPool {
 public:
  explicit KvPool(const KvLayout& layout) : layout_(layout) {}

  const KvLayout& layout() const { return layout_; }
  // A block whose contents are undefined. Throws Error(kOutOfMemory).
  uint8_t* take();
  // Gives the blocks' memory back to the system.
  void give_back(std::vector<uint8_t*>& blocks);
  size_t blocks_in_use() const { return in_use_.size(); }

 private:
  KvLayout layout_;
  std::vector<AlignedBuffer> in_use_;  // sorted by address
};

}  // namespace moeflow
