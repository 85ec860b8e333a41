// Experts in the model's files, read as whole blocks straight into slots: a slot holds exactly the blocks around the
// expert's three matrices, which begin wherever they begin in their first block.
#pragma once

#include <string>
#include <vector>

#include "experts/layout.h"
#include "experts/store.h"

namespace moeflow {

class FileStore final : public ExpertStore {
 public:
  // `layout` must stay. Throws as ReadQueue does.
  FileStore(const ExpertLayout& layout, const std::vector<std::string>& paths, const ReadOptions& options)
      : layout_(layout), queue_(paths, options) {}

  SlotContent slot_content() const override { return SlotContent::kBlocks; }
  void fetch(BackgroundRead& read, ExpertId id, uint8_t* slot, ReadPriority priority, bool for_prompt) override;
  ExpertWeights weights(ExpertId id, const uint8_t* slot) const override;

  void promote(const BackgroundRead& read) override { queue_.promote(read); }
  bool cancel(BackgroundRead& read) override { return queue_.cancel(read); }
  bool wait(std::chrono::milliseconds most, const std::function<bool()>& look) override {
    return queue_.wait(most, look);
  }

 private:
  const ExpertRanges& ranges_of(ExpertId id) const {
    return layout_[static_cast<size_t>(id.layer)][static_cast<size_t>(id.expert)];
  }

  const ExpertLayout& layout_;
  ReadQueue queue_;
};

}  // namespace moeflow
