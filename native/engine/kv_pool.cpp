#include "engine/kv_pool.h"

#include <algorithm>

namespace moeflow {
namespace {
bool below(const AlignedBuffer& buffer, const uint8_t* address) { return buffer.bytes() < address; }
}  // namespace

uint8_t* KvPool::take() {
  AlignedBuffer buffer(layout_.block, "the key/value cache");
  uint8_t* block = buffer.bytes();
  in_use_.insert(std::lower_bound(in_use_.begin(), in_use_.end(), block, below), std::move(buffer));
  return block;
}

void KvPool::give_back(std::vector<uint8_t*>& blocks) {
  for (const uint8_t* block : blocks) {
    const auto found = std::lower_bound(in_use_.begin(), in_use_.end(), block, below);
    if (found != in_use_.end() && found->bytes() == block) in_use_.erase(found);
  }
  blocks.clear();
}

}  // namespace moeflow
