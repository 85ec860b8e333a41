// Sequences and the step over a batch of them. Not thread-safe: one thread (engine/worker.h) makes all calls; only
// cancelling a step is done from elsewhere.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/foresight.h"
#include "engine/kv_pool.h"
#include "engine/memory_plan.h"
#include "engine/sampler.h"
#include "engine/step_counters.h"
#include "engine/step_item.h"
#include "engine/tiers.h"
#include "model/forward.h"
#include "model/model.h"

namespace moeflow {

enum class KvType { kAuto, kF16, kF32 };

struct EngineOptions {
  std::vector<std::string> paths;
  int threads = 0;                 // 0: as many as the process may use
  int context_length = 0;          // positions of a sequence; 0: the model's, at most kDefaultContext
  int64_t kv_cache_tokens = 0;     // of all sequences together; 0: as many as there is memory to spare for
  int batch_rows = 512;            // tokens of a step, all sequences together
  std::string kernels;             // kernel set by name; empty: the fastest
  KvType kv_type = KvType::kAuto;  // auto: F16 where activations are rounded too (quantised weights), else F32
  uint64_t ram = 0;                // bytes that the process may take; 0: as many as the whole model needs
  Prefetch prefetch = Prefetch::kAuto;
  std::shared_ptr<const RoutePredictor> predictor;  // trained for the model; null: none
  ForecastHook forecast_hook;
  ReadOptions reads;  // of experts that come from the file
  DeviceOptions device;
  CacheOptions cache;  // of experts, where not all fit; its bytes come from `ram` unless given
};

// [expert layer * experts + expert]
struct ExpertReport {
  std::vector<double> uses;        // by tokens, since the model was loaded
  std::vector<uint8_t> in_memory;  // this process's: 1, else 0
};

inline constexpr int kDefaultContext = 4096;
inline constexpr int kMostThreads = 1024;

// How an engine with these options would spend memory, from the files' headers alone. Throws as the engine would.
MemoryPlan plan_engine(const EngineOptions& options);

class Engine {
 public:
  // Loads the model. Throws Error.
  Engine(const EngineOptions& options, const LoadControl& control);

  const Model& model() const { return model_; }
  const KernelSet& kernels() const { return kernels_; }
  int threads() const { return pool_.threads(); }
  int context_length() const { return context_length_; }
  int batch_rows() const { return batch_rows_; }
  const KvLayout& kv_layout() const { return kv_.layout(); }
  size_t kv_blocks_in_use() const { return kv_.blocks_in_use(); }
  size_t kv_blocks() const { return kv_.most_blocks(); }
  const MemoryPlan& memory_plan() const { return plan_; }
  const Tiers& tiers() const { return *tiers_; }
  // The cache of experts in this process's memory, null when all are in it.
  const CachedExperts* expert_cache() const { return tiers_->host_cache(); }
  // Where all experts are in memory there is nothing to foresee.
  bool has_expert_cache() const { return tiers_->host_cache() || tiers_->device_cache(); }
  const Foresight& foresight() const { return *foresight_; }
  void report_foresight(ForesightReport& into) const;
  // Since the model was loaded.
  StepCounters counters() const;
  ExpertReport experts() const;

  int32_t create_sequence();
  // A sequence that begins with the first `length` tokens of another one and shares their key/value cache: whole blocks
  // of kKvBlock tokens.
  int32_t share_sequence(int32_t from, int32_t length);
  void free_sequence(int32_t id);
  // Forgets all but the first `length` tokens.
  void truncate_sequence(int32_t id, int32_t length);

  // Runs one step; afterwards each item's tokens (not the sampled one) belong to its sequence. All items are checked
  // before anything is computed. Throws Error(kCancelled) once `cancelled` is set; then, as after any error, every
  // sequence is as it was before.
  // `predicted`: [layer] what the step's tokens will probably use, or empty; a hint that changes no result.
  std::vector<StepItemResult> step(const std::vector<StepItem>& items, const std::atomic<bool>& cancelled,
                                   const PredictedExperts& predicted = {});

 private:
  using ExpertSet = std::vector<bool>;  // [expert layer * experts + expert]

  struct Sequence {
    std::vector<int32_t> tokens;
    std::vector<uint8_t*> blocks;
    std::vector<ExpertSet> experts_used;  // [block] by the block's tokens
    ExpertSet all_experts_used;
    int32_t distinct_experts = 0;
  };

  Sequence& sequence(int32_t id);
  void check(const std::vector<StepItem>& items);
  void check_drawing(const StepItem& item, size_t index) const;
  void check_predicted(const PredictedExperts& predicted) const;
  void make_room(Sequence& sequence, size_t end);
  void lay_out(const std::vector<StepItem>& items);
  size_t expert_set_size() const;
  void count_experts(Sequence& sequence, size_t first_row, size_t rows);
  void load(const EngineOptions& options, const LoadControl& control);
  void draw(const StepItem& item, const Sequence& sequence, std::span<float> logits, StepItemResult& result);
  StepItemResult collect(const StepItem& item, Sequence& sequence, size_t first_row, size_t first_logit_row,
                         size_t logit_rows);

  gguf::ModelFiles files_;
  const KernelSet& kernels_;
  ThreadPool pool_;
  Model model_;
  int context_length_;
  int batch_rows_;
  Workspace space_;
  MemoryPlan plan_;
  KvPool kv_;
  std::unique_ptr<Tiers> tiers_;
  std::unique_ptr<Foresight> foresight_;
  double step_seconds_ = 0;
  std::vector<double> expert_uses_;  // [expert layer * experts + expert] by tokens
  Sampler sampler_;
  std::map<int32_t, Sequence> sequences_;
  int32_t next_sequence_ = 0;
  // The batch of the current step.
  std::vector<int32_t> tokens_, positions_, sequence_of_, logit_rows_;
  std::vector<Forecaster::Row> sampled_;
  std::vector<BatchSequence> batch_sequences_;
};

}  // namespace moeflow
