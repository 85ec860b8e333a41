// Blocks of the key/value cache, handed out to sequences and taken back. Sequences whose tokens begin the same share
// the blocks of what they have in common.
#pragma once

#include <vector>

#include "base/memory.h"
#include "model/batch.h"

namespace moeflow {

class KvPool {
 public:
  KvPool(const KvLayout& layout, size_t most_blocks) : layout_(layout), most_blocks_(most_blocks) {}

  const KvLayout& layout() const { return layout_; }
  // A block whose contents are undefined. Throws Error(kKvCacheFull) when there may be no more, Error(kOutOfMemory).
  uint8_t* take();
  // One sequence more uses a block.
  void share(const uint8_t* block) { ++entry(block).users; }
  bool is_shared(const uint8_t* block) { return entry(block).users > 1; }
  // Gives all but the first `kept` blocks back; the memory of those that nobody else uses goes to the system.
  void give_back(std::vector<uint8_t*>& blocks, size_t kept = 0);
  void give_back(const uint8_t* block);
  // Together with the blocks of several sequences: each once.
  size_t blocks_in_use() const { return in_use_.size(); }
  size_t most_blocks() const { return most_blocks_; }

 private:
  struct Entry {
    AlignedBuffer memory;
    int32_t users = 1;
  };

  Entry& entry(const uint8_t* block);

  KvLayout layout_;
  size_t most_blocks_;
  std::vector<Entry> in_use_;  // sorted by address
};

}  // namespace moeflow
