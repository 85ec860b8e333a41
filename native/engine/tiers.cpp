#include "engine/tiers.h"

#include "base/error.h"
#include "experts/file_store.h"
#include "experts/resident.h"

namespace moeflow {
namespace {

std::vector<CacheCounters> counters_by_layer(const CachedExperts* cache, const Model& model) {
  std::vector<CacheCounters> layers;
  for (int32_t layer = 0; cache && layer < model.config.layers; ++layer) layers.push_back(cache->counters_of(layer));
  return layers;
}

}  // namespace

void check_device(const DeviceOptions& options) {
  if (options.name == "none") return;
  if (options.name != "emulated") {
    fail(ErrorCode::kInvalidArgument, "device must be none or emulated, is ", options.name);
  }
  if (options.memory == 0) fail(ErrorCode::kInvalidArgument, "a device needs memory: give vram, as in \"512MiB\"");
}

CacheCounters sum(const std::vector<CacheCounters>& layers) {
  CacheCounters total;
  for (const CacheCounters& layer : layers) total += layer;
  return total;
}

Tiers::Tiers(const Model& model, const CacheOptions& host, const ReadOptions& reads, const DeviceOptions& device,
             const std::vector<gguf::File>& open, ThreadPool& pool, const LoadControl& control, LoadedBytes& bytes)
    : model_(model) {
  const int used = model.config.router.used;
  if (host.bytes > 0) {
    auto store = std::make_unique<FileStore>(model.experts, model.files.paths, reads);
    auto cache = std::make_unique<CachedExperts>(model.experts, used, std::move(store), host);
    host_ = cache.get();
    top_ = std::move(cache);
  } else {
    top_ = std::make_unique<ResidentExperts>(model.experts, open, pool, control, bytes);
  }
  if (device.name == "none") return;
  CacheOptions options = host;
  options.bytes = device.memory;
  auto copies = std::make_unique<CopyStore>(model.experts, std::move(top_), host_, device.bytes_per_second);
  copies_ = copies.get();
  auto cache = std::make_unique<CachedExperts>(model.experts, used, std::move(copies), options);
  device_ = cache.get();
  top_ = std::move(cache);
}

std::vector<CacheCounters> Tiers::host_counters() const {
  return copies_ ? copies_->lower_counters() : counters_by_layer(host_, model_);
}

std::vector<CacheCounters> Tiers::device_counters() const { return counters_by_layer(device_, model_); }

}  // namespace moeflow
