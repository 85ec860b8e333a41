#include "engine/engine.h"

#include <algorithm>

#include "base/error.h"
#include "base/memory_limits.h"
#include "base/processors.h"
#include "experts/resident.h"

namespace moeflow {
namespace {

int choose_threads(int wanted) {
  if (wanted < 0 || wanted > kMostThreads) {
    fail(ErrorCode::kInvalidArgument, "threads must be from 1 to ", kMostThreads, ", is ", wanted);
  }
  return wanted == 0 ? usable_processors() : wanted;
}

int choose_context(int wanted, const ModelConfig& config) {
  if (wanted == 0) return std::min(config.context_length, kDefaultContext);
  if (wanted < 1 || wanted > config.context_length) {
    fail(ErrorCode::kInvalidArgument, "contextLength must be from 1 to the model's ", config.context_length, ", is ",
         wanted);
  }
  return wanted;
}

bool half_cache(KvType type, const KernelSet& kernels, const ModelWeights& weights) {
  if (type != KvType::kAuto) return type == KvType::kF16;
  return kernels.quantizes_activations && !is_float(weights.layers.front().attention.output.type);
}

// At most what all experts take there.
uint64_t device_bytes(const EngineOptions& options, const Model& model) {
  check_device(options.device);
  if (options.device.name == "none") return 0;
  return std::min(options.device.memory,
                  SlotPlan(model.experts, model.config.router.used, SlotContent::kMatrices).most_bytes());
}

// Needed beside weights and key/value cache.
WorkingMemory working_memory(const EngineOptions& options, const Model& model, size_t workspace, int context_length) {
  check_prefetch(options.prefetch, options.predictor.get(), model.config);
  WorkingMemory memory;
  memory.workspace = workspace;
  memory.device = device_bytes(options, model);
  if (!options.predictor) return memory;
  memory.predictor = options.predictor->bytes();
  memory.histories = Forecaster::working_bytes(options.predictor->shape(), context_length);
  return memory;
}

int choose_batch_rows(int wanted) { return std::clamp(wanted, 1, 1 << 16); }

// Adds the seconds of its life to a sum, also when an error ends it.
class Stopwatch {
 public:
  explicit Stopwatch(double& sum) : sum_(sum) {}
  ~Stopwatch() { sum_ += seconds(); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  double& sum_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

MemoryPlan plan_engine(const EngineOptions& options) {
  const KernelSet& kernels = select_kernels(options.kernels.c_str());
  const int threads = choose_threads(options.threads);
  const Model model(gguf::open_model_files(options.paths));
  const int context_length = choose_context(options.context_length, model.config);
  const KvLayout kv(model.config, half_cache(options.kv_type, kernels, model.weights));
  const int rows = choose_batch_rows(options.batch_rows);
  // Reserved, but never written to: this takes no memory.
  const size_t workspace = Workspace(model.config, rows, rows, context_length, threads).bytes();
  return plan_memory(model, kv, context_length, working_memory(options, model, workspace, context_length), options.ram,
                     available_memory());
}

Engine::Engine(const EngineOptions& options, const LoadControl& control)
    : kernels_(select_kernels(options.kernels.c_str())),
      pool_(choose_threads(options.threads)),
      model_(gguf::open_model_files(options.paths)),
      context_length_(choose_context(options.context_length, model_.config)),
      batch_rows_(choose_batch_rows(options.batch_rows)),
      kv_(KvLayout(model_.config, half_cache(options.kv_type, kernels_, model_.weights))),
      space_(model_.config, batch_rows_, batch_rows_, context_length_, pool_.threads()),
      plan_(plan_memory(model_, kv_.layout(), context_length_,
                        working_memory(options, model_, space_.bytes(), context_length_), options.ram,
                        available_memory())) {
  load(options, control);
}

void Engine::load(const EngineOptions& options, const LoadControl& control) {
  CacheOptions cache = options.cache;
  cache.prefetch = options.prefetch != Prefetch::kNone;
  if (cache.bytes == 0 && !plan_.all_experts) cache.bytes = plan_.experts;
  std::vector<gguf::File> open;
  for (const std::string& path : model_.files.paths) open.emplace_back(path);
  LoadedBytes bytes;
  bytes.in_all = model_.weights.total_bytes() + (cache.bytes > 0 ? 0 : ResidentExperts::bytes(model_.experts));
  model_.load(context_length_, open, pool_, control, bytes);
  tiers_ = std::make_unique<Tiers>(model_, cache, options.reads, options.device, open, pool_, control, bytes);
  const bool foresees = tiers_->top().takes_hints();
  foresight_ =
      std::make_unique<Foresight>(foresees ? options.prefetch : Prefetch::kNone, foresees ? options.predictor : nullptr,
                                  options.forecast_hook, model_.config, space_.ahead_rows);
}

void Engine::report_foresight(ForesightReport& into) const {
  foresight_->report(into);
  into.gate_ahead = space_.gate_ahead;
}

StepCounters Engine::counters() const {
  return {step_seconds_, std::chrono::duration<double>(space_.looking_ahead).count(), foresight_->counters(),
          sum(tiers_->host_counters()), sum(tiers_->device_counters())};
}

Engine::Sequence& Engine::sequence(int32_t id) {
  const auto found = sequences_.find(id);
  if (found == sequences_.end()) fail(ErrorCode::kInvalidArgument, "there is no sequence ", id);
  return found->second;
}

int32_t Engine::create_sequence() {
  const int32_t id = next_sequence_++;
  const auto layers = static_cast<size_t>(model_.config.layers - model_.config.leading_dense_layers);
  sequences_[id].experts_used.resize(layers * static_cast<size_t>(model_.config.router.experts));
  return id;
}

void Engine::free_sequence(int32_t id) {
  kv_.give_back(sequence(id).blocks);
  sequences_.erase(id);
  foresight_->free(id);
}

void Engine::truncate_sequence(int32_t id, int32_t length) {
  Sequence& s = sequence(id);
  if (length < 0 || static_cast<size_t>(length) > s.tokens.size()) {
    fail(ErrorCode::kInvalidArgument, "sequence ", id, " has ", s.tokens.size(), " tokens; it cannot be cut to ",
         length);
  }
  s.tokens.resize(static_cast<size_t>(length));
  foresight_->truncate(id, length);
}

void Engine::check(const std::vector<StepItem>& items) {
  size_t rows = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const StepItem& item = items[i];
    const Sequence& s = sequence(item.sequence);
    for (size_t other = 0; other < i; ++other) {
      if (items[other].sequence == item.sequence) {
        fail(ErrorCode::kInvalidArgument, "sequence ", item.sequence, " is in the step twice");
      }
    }
    if (item.tokens.empty()) fail(ErrorCode::kInvalidArgument, "item ", i, " of the step has no tokens");
    for (size_t t = 0; t < item.tokens.size(); ++t) {
      if (item.tokens[t] < 0 || item.tokens[t] >= model_.config.vocabulary) {
        fail(ErrorCode::kInvalidArgument, "token ", t, " is ", item.tokens[t], "; ids go from 0 to ",
             model_.config.vocabulary - 1);
      }
    }
    if (s.tokens.size() + item.tokens.size() > static_cast<size_t>(context_length_)) {
      fail(ErrorCode::kContextFull, s.tokens.size() + item.tokens.size(), " tokens do not fit in a context of ",
           context_length_, "; load the model with a larger contextLength");
    }
    if (item.logits_from >= static_cast<int32_t>(item.tokens.size())) {
      fail(ErrorCode::kInvalidArgument, "logits are wanted from token ", item.logits_from, " of ", item.tokens.size());
    }
    rows += item.tokens.size();
  }
  if (rows == 0 || rows > static_cast<size_t>(batch_rows_)) {
    fail(ErrorCode::kInvalidArgument, "a step takes 1 to ", batch_rows_, " tokens, not ", rows);
  }
}

// Fills the batch's arrays, and gives every sequence the cache blocks that it will need.
void Engine::lay_out(const std::vector<StepItem>& items) {
  tokens_.clear();
  positions_.clear();
  sequence_of_.clear();
  logit_rows_.clear();
  batch_sequences_.clear();
  for (const StepItem& item : items) {
    Sequence& s = sequence(item.sequence);
    const size_t end = s.tokens.size() + item.tokens.size();
    while (s.blocks.size() * kKvBlock < end) s.blocks.push_back(kv_.take());
    const size_t first_row = tokens_.size();
    size_t first_logit = item.sample ? item.tokens.size() - 1 : item.tokens.size();
    if (item.logits_from >= 0) first_logit = std::min(first_logit, static_cast<size_t>(item.logits_from));
    for (size_t t = 0; t < item.tokens.size(); ++t) {
      if (t >= first_logit) logit_rows_.push_back(static_cast<int32_t>(tokens_.size()));
      tokens_.push_back(item.tokens[t]);
      positions_.push_back(static_cast<int32_t>(s.tokens.size() + t));
      sequence_of_.push_back(static_cast<int32_t>(batch_sequences_.size()));
    }
    batch_sequences_.push_back({static_cast<int32_t>(first_row), static_cast<int32_t>(item.tokens.size()),
                                static_cast<int32_t>(s.tokens.size()), s.blocks.data()});
  }
}

void Engine::check_predicted(const PredictedExperts& predicted) const {
  if (predicted.empty()) return;
  if (predicted.size() != static_cast<size_t>(model_.config.layers)) {
    fail(ErrorCode::kInvalidArgument, "predicted experts are for ", predicted.size(), " layers; the model has ",
         model_.config.layers);
  }
  for (size_t layer = 0; layer < predicted.size(); ++layer) {
    const int32_t known =
        layer < static_cast<size_t>(model_.config.leading_dense_layers) ? 0 : model_.config.router.experts;
    for (const int32_t expert : predicted[layer]) {
      if (expert >= 0 && expert < known) continue;
      fail(ErrorCode::kInvalidArgument, "expert ", expert, " is predicted for layer ", layer, ", which has ", known);
    }
  }
}

std::vector<StepItemResult> Engine::step(const std::vector<StepItem>& items, const std::atomic<bool>& cancelled,
                                         const PredictedExperts& predicted) {
  const Stopwatch step_time(step_seconds_);
  check(items);
  check_predicted(predicted);
  lay_out(items);
  const double before = step_time.seconds();
  const Outlook outlook = foresight_->begin(items, predicted);
  const Batch batch{tokens_,     positions_, sequence_of_,  batch_sequences_,
                    logit_rows_, &cancelled, outlook.known, outlook.forecast};
  forward({model_, kernels_, pool_, space_, kv_.layout(), tiers_->top(), batch, outlook.layers_ahead});
  if (batch.rows() == std::ssize(batch_sequences_)) {
    foresight_->learn(step_time.seconds() - before);
  }

  std::vector<StepItemResult> results;
  size_t row = 0;
  size_t logit_row = 0;
  for (const StepItem& item : items) {
    const size_t end = row + item.tokens.size();
    size_t logit_end = logit_row;
    while (logit_end < logit_rows_.size() && static_cast<size_t>(logit_rows_[logit_end]) < end) ++logit_end;
    results.push_back(collect(item, sequence(item.sequence), row, logit_row, logit_end - logit_row));
    row = end;
    logit_row = logit_end;
  }
  // Only now, when nothing can fail any more: an error above leaves every sequence as it was.
  row = 0;
  sampled_.clear();
  for (size_t i = 0; i < items.size(); ++i) {
    Sequence& s = sequence(items[i].sequence);
    s.tokens.insert(s.tokens.end(), items[i].tokens.begin(), items[i].tokens.end());
    count_experts(s, row, items[i].tokens.size());
    results[i].distinct_experts = s.distinct_experts;
    row += items[i].tokens.size();
    if (items[i].sample) sampled_.push_back({items[i].sequence, results[i].token});
  }
  foresight_->end(items, space_.expert_ids.data(), sampled_);
  return results;
}

void Engine::count_experts(Sequence& s, size_t first_row, size_t rows) {
  const ModelConfig& config = model_.config;
  const auto layers = static_cast<size_t>(config.layers - config.leading_dense_layers);
  const auto used = static_cast<size_t>(config.router.used);
  const auto experts = static_cast<size_t>(config.router.experts);
  const int32_t* ids = space_.expert_ids.data() + first_row * layers * used;
  for (size_t i = 0; i < rows * layers * used; ++i) {
    const size_t at = i / used % layers * experts + static_cast<size_t>(ids[i]);
    if (!s.experts_used[at]) ++s.distinct_experts;
    s.experts_used[at] = true;
  }
}

StepItemResult Engine::collect(const StepItem& item, Sequence& s, size_t first_row, size_t first_logit_row,
                               size_t logit_rows) {
  const ModelConfig& config = model_.config;
  const auto vocabulary = static_cast<size_t>(config.vocabulary);
  const auto layers = static_cast<size_t>(config.layers - config.leading_dense_layers);
  const auto used = static_cast<size_t>(config.router.used);
  StepItemResult result;

  float* logits = space_.logits.as<float>() + first_logit_row * vocabulary;
  if (item.logits_from >= 0) {
    const size_t wanted = item.tokens.size() - static_cast<size_t>(item.logits_from);
    result.logits.assign(logits + (logit_rows - wanted) * vocabulary, logits + logit_rows * vocabulary);
  }
  const size_t per_row = layers * used;
  if (item.routing) {
    const int32_t* ids = space_.expert_ids.data() + first_row * per_row;
    const float* weights = space_.expert_weights.data() + first_row * per_row;
    result.experts.assign(ids, ids + item.tokens.size() * per_row);
    result.weights.assign(weights, weights + item.tokens.size() * per_row);
  }
  if (item.sample) {
    std::vector<int32_t> recent = s.tokens;
    recent.insert(recent.end(), item.tokens.begin(), item.tokens.end());
    result.token = sampler_.sample({logits + (logit_rows - 1) * vocabulary, vocabulary}, *item.sample, recent);
  }
  return result;
}

}  // namespace moeflow
