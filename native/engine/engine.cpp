#include "engine/engine.h"

#include <algorithm>
#include <limits>

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

KvLayout choose_kv_layout(const EngineOptions& options, const KernelSet& kernels, const Model& model) {
  return {model.config, half_cache(options.kv_type, kernels, model.weights)};
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

bool is_allowed(const StepItem& item, size_t token) { return (item.allowed[token / 8] >> (token % 8) & 1) != 0; }

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
  const int rows = choose_batch_rows(options.batch_rows);
  // Reserved, but never written to: this takes no memory.
  const size_t workspace = Workspace(model.config, rows, rows, context_length, threads).bytes();
  return plan_memory(model, choose_kv_layout(options, kernels, model), {context_length, options.kv_cache_tokens},
                     working_memory(options, model, workspace, context_length), options.ram, available_memory());
}

Engine::Engine(const EngineOptions& options, const LoadControl& control)
    : kernels_(select_kernels(options.kernels.c_str())),
      pool_(choose_threads(options.threads)),
      model_(gguf::open_model_files(options.paths)),
      context_length_(choose_context(options.context_length, model_.config)),
      batch_rows_(choose_batch_rows(options.batch_rows)),
      space_(model_.config, batch_rows_, batch_rows_, context_length_, pool_.threads()),
      plan_(plan_memory(model_, choose_kv_layout(options, kernels_, model_), {context_length_, options.kv_cache_tokens},
                        working_memory(options, model_, space_.bytes(), context_length_), options.ram,
                        available_memory())),
      kv_(choose_kv_layout(options, kernels_, model_), plan_.kv_blocks) {
  expert_uses_.resize(expert_set_size());
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
                                  options.forecast_hook, model_.config, space_.ahead_rows, plan_.kv_blocks * kKvBlock);
}

void Engine::report_foresight(ForesightReport& into) const {
  foresight_->report(into);
  into.gate_ahead = space_.gate_ahead;
}

StepCounters Engine::counters() const {
  return {step_seconds_, std::chrono::duration<double>(space_.looking_ahead).count(), foresight_->counters(),
          sum(tiers_->host_counters()), sum(tiers_->device_counters())};
}

ExpertReport Engine::experts() const {
  ExpertReport report{expert_uses_, std::vector<uint8_t>(expert_uses_.size(), 1)};
  const CachedExperts* cache = expert_cache();
  if (!cache) return report;
  const auto per_layer = static_cast<size_t>(model_.config.router.experts);
  for (size_t i = 0; i < report.in_memory.size(); ++i) {
    const auto layer = static_cast<int32_t>(i / per_layer) + model_.config.leading_dense_layers;
    report.in_memory[i] = cache->holds({layer, static_cast<int32_t>(i % per_layer)}) ? 1 : 0;
  }
  return report;
}

Engine::Sequence& Engine::sequence(int32_t id) {
  const auto found = sequences_.find(id);
  if (found == sequences_.end()) fail(ErrorCode::kInvalidArgument, "there is no sequence ", id);
  return found->second;
}

int32_t Engine::create_sequence() {
  const int32_t id = next_sequence_++;
  sequences_[id].all_experts_used.resize(expert_set_size());
  return id;
}

int32_t Engine::share_sequence(int32_t from, int32_t length) {
  const size_t tokens = sequence(from).tokens.size();
  if (length < 0 || static_cast<size_t>(length) > tokens || length % kKvBlock != 0) {
    fail(ErrorCode::kInvalidArgument, "of the ", tokens, " tokens of sequence ", from, " whole blocks of ", kKvBlock,
         " can be shared, not ", length);
  }
  const int32_t id = create_sequence();
  const Sequence& other = sequence(from);
  Sequence& s = sequence(id);
  const auto blocks = static_cast<std::ptrdiff_t>(length / kKvBlock);
  s.tokens.assign(other.tokens.begin(), other.tokens.begin() + length);
  s.blocks.assign(other.blocks.begin(), other.blocks.begin() + blocks);
  s.experts_used.assign(other.experts_used.begin(), other.experts_used.begin() + blocks);
  for (const uint8_t* block : s.blocks) kv_.share(block);
  for (const ExpertSet& used : s.experts_used) {
    for (size_t i = 0; i < used.size(); ++i) {
      if (used[i]) s.all_experts_used[i] = true;
    }
  }
  s.distinct_experts = static_cast<int32_t>(std::count(s.all_experts_used.begin(), s.all_experts_used.end(), true));
  foresight_->share(from, id, length);
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
  kv_.give_back(s.blocks, (s.tokens.size() + kKvBlock - 1) / kKvBlock);
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
    check_drawing(item, i);
    rows += item.tokens.size();
  }
  if (rows == 0 || rows > static_cast<size_t>(batch_rows_)) {
    fail(ErrorCode::kInvalidArgument, "a step takes 1 to ", batch_rows_, " tokens, not ", rows);
  }
}

void Engine::check_drawing(const StepItem& item, size_t index) const {
  const auto vocabulary = static_cast<size_t>(model_.config.vocabulary);
  if (item.likely > model_.config.vocabulary) {
    fail(ErrorCode::kInvalidArgument, "item ", index, " wants to know of ", item.likely, " likely tokens; there are ",
         vocabulary);
  }
  if (item.allowed.empty()) return;
  if (item.allowed.size() != (vocabulary + 7) / 8) {
    fail(ErrorCode::kInvalidArgument, "allowed of item ", index, " has ", item.allowed.size(), " bytes; ", vocabulary,
         " tokens are ", (vocabulary + 7) / 8);
  }
  for (size_t token = 0; token < vocabulary; ++token) {
    if (is_allowed(item, token)) return;
  }
  fail(ErrorCode::kInvalidArgument, "item ", index, " allows no token");
}

// Blocks for `end` tokens, of which those that will be written to are this sequence's alone.
void Engine::make_room(Sequence& s, size_t end) {
  const size_t written = s.tokens.size() / kKvBlock;
  if (written < s.blocks.size() && kv_.is_shared(s.blocks[written])) {
    uint8_t* own = kv_.take();
    std::copy_n(s.blocks[written], kv_.layout().block, own);
    kv_.give_back(s.blocks[written]);
    s.blocks[written] = own;
  }
  while (s.blocks.size() * kKvBlock < end) s.blocks.push_back(kv_.take());
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
    make_room(s, end);
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
    count_experts(s, row, items[i].tokens.size());
    s.tokens.insert(s.tokens.end(), items[i].tokens.begin(), items[i].tokens.end());
    results[i].distinct_experts = s.distinct_experts;
    row += items[i].tokens.size();
    if (items[i].sample) sampled_.push_back({items[i].sequence, results[i].token});
  }
  foresight_->end(items, space_.expert_ids.data(), sampled_);
  return results;
}

size_t Engine::expert_set_size() const {
  const ModelConfig& config = model_.config;
  return static_cast<size_t>(config.layers - config.leading_dense_layers) * static_cast<size_t>(config.router.experts);
}

// Before the tokens belong to the sequence.
void Engine::count_experts(Sequence& s, size_t first_row, size_t rows) {
  const ModelConfig& config = model_.config;
  const auto layers = static_cast<size_t>(config.layers - config.leading_dense_layers);
  const auto used = static_cast<size_t>(config.router.used);
  const auto experts = static_cast<size_t>(config.router.experts);
  const int32_t* ids = space_.expert_ids.data() + first_row * layers * used;
  s.experts_used.resize((s.tokens.size() + rows + kKvBlock - 1) / kKvBlock, ExpertSet(expert_set_size()));
  for (size_t row = 0; row < rows; ++row) {
    ExpertSet& of_block = s.experts_used[(s.tokens.size() + row) / kKvBlock];
    for (size_t i = 0; i < layers * used; ++i) {
      const size_t at = i / used * experts + static_cast<size_t>(*ids++);
      of_block[at] = true;
      ++expert_uses_[at];
      if (!s.all_experts_used[at]) ++s.distinct_experts;
      s.all_experts_used[at] = true;
    }
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
  if (item.sample) draw(item, s, {logits + (logit_rows - 1) * vocabulary, vocabulary}, result);
  return result;
}

// Overwrites the logits.
void Engine::draw(const StepItem& item, const Sequence& s, std::span<float> logits, StepItemResult& result) {
  std::optional<LogProbabilities> probabilities;
  if (item.likely >= 0) probabilities.emplace(logits);
  if (!item.allowed.empty()) {
    for (size_t token = 0; token < logits.size(); ++token) {
      // What is no number is never drawn.
      if (!is_allowed(item, token)) logits[token] = std::numeric_limits<float>::quiet_NaN();
    }
  }
  std::vector<int32_t> recent = s.tokens;
  recent.insert(recent.end(), item.tokens.begin(), item.tokens.end());
  result.token = sampler_.sample(logits, *item.sample, recent);
  if (!probabilities) return;
  result.log_probabilities = probabilities->most_likely(static_cast<size_t>(item.likely));
  result.log_probabilities.insert(result.log_probabilities.begin(), {result.token, probabilities->of(result.token)});
}

}  // namespace moeflow
