#include "engine/kv_pool.h"

#include <algorithm>

#include "base/error.h"

namespace moeflow {
namespace {

template <typename Entries>
auto place_of(Entries& entries, const uint8_t* block) {
  return std::lower_bound(entries.begin(), entries.end(), block,
                          [](const auto& entry, const uint8_t* address) { return entry.memory.bytes() < address; });
}

}  // namespace

KvPool::Entry& KvPool::entry(const uint8_t* block) {
  const auto found = place_of(in_use_, block);
  MOEFLOW_CHECK(found != in_use_.end() && found->memory.bytes() == block);
  return *found;
}

uint8_t* KvPool::take() {
  if (in_use_.size() >= most_blocks_) {
    fail(ErrorCode::kKvCacheFull, "all ", most_blocks_, " blocks of the key/value cache are in use, ",
         most_blocks_ * kKvBlock, " tokens; free a sequence, or load the model with a larger kvCacheTokens");
  }
  AlignedBuffer memory(layout_.block, "the key/value cache");
  uint8_t* block = memory.bytes();
  in_use_.insert(place_of(in_use_, block), Entry{std::move(memory)});
  return block;
}

void KvPool::give_back(const uint8_t* block) {
  const auto found = place_of(in_use_, block);
  if (found == in_use_.end() || found->memory.bytes() != block) return;
  if (--found->users == 0) in_use_.erase(found);
}

void KvPool::give_back(std::vector<uint8_t*>& blocks, size_t kept) {
  for (size_t i = kept; i < blocks.size(); ++i) give_back(blocks[i]);
  blocks.resize(std::min(blocks.size(), kept));
}

}  // namespace moeflow
