// Where a model's experts are kept while it runs: in memory as a whole, or as a cache with the file below it; and on
// top of that, if there is a device, in a cache of its own memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "experts/cache.h"
#include "experts/copy_store.h"
#include "experts/loading.h"
#include "model/model.h"

namespace moeflow {

struct DeviceOptions {
  std::string name = "none";    // or "emulated": a part of this process's memory, with a thread that copies
  uint64_t memory = 0;          // bytes for expert slots
  double bytes_per_second = 0;  // the most that is copied to it; 0: no limit
};

// Throws Error(kInvalidArgument) for a device that is not known, or one without memory.
void check_device(const DeviceOptions& options);

class Tiers {
 public:
  // Brings all experts into memory if `host.bytes` is 0. Throws Error.
  Tiers(const Model& model, const CacheOptions& host, const ReadOptions& reads, const DeviceOptions& device,
        const std::vector<gguf::File>& open, ThreadPool& pool, const LoadControl& control, LoadedBytes& bytes);

  // What computes asks here.
  ExpertSource& top() const { return *top_; }

  // The caches, by layer of the model; empty where there is none.
  std::vector<CacheCounters> host_counters() const;
  std::vector<CacheCounters> device_counters() const;
  // Null without one. Counters of the host's are host_counters(), as a device's thread may be using it.
  const CachedExperts* host_cache() const { return host_; }
  const CachedExperts* device_cache() const { return device_; }

 private:
  const Model& model_;
  std::unique_ptr<ExpertSource> top_;
  const CachedExperts* host_ = nullptr;
  const CachedExperts* device_ = nullptr;
  const CopyStore* copies_ = nullptr;
};

// Of all layers together.
CacheCounters sum(const std::vector<CacheCounters>& layers);

}  // namespace moeflow
