// Engines over tiny models, and prompts fed to them in chunks.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "gguf/test/temporary_directory.h"
#include "kernels/test/kernel_sets.h"
#include "model/test/tiny_model.h"

namespace moeflow::test {

inline const std::atomic<bool> kNotCancelled = false;

// A tiny model on disk, and engines that load it.
class TinyFile {
 public:
  explicit TinyFile(const TinyModel& model) : path_(directory_.write("tiny.gguf", model.file())) {}
  explicit TinyFile(const TinyOptions& options) : TinyFile(TinyModel(options)) {}

  const std::string& path() const { return path_; }
  EngineOptions options() const {
    EngineOptions options;
    options.paths = {path_};
    options.threads = 1;
    options.batch_rows = 256;
    return options;
  }
  std::unique_ptr<Engine> engine(int threads = 1, int batch_rows = 256, const char* kernels = "",
                                 KvType kv = KvType::kAuto) const {
    EngineOptions chosen = options();
    chosen.threads = threads;
    chosen.batch_rows = batch_rows;
    chosen.kernels = kernels;
    chosen.kv_type = kv;
    return std::make_unique<Engine>(chosen, LoadControl());
  }

 private:
  gguf::test::TemporaryDirectory directory_;
  std::string path_;
};

inline std::vector<int32_t> random_tokens(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> tokens(count);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % kVocabulary);
  return tokens;
}

// Everything that a sequence's tokens gave.
struct Outcome {
  std::vector<float> logits;  // of every position
  std::vector<int32_t> experts;
  std::vector<float> weights;
  int32_t distinct_experts = 0;

  void append(const StepItemResult& result) {
    logits.insert(logits.end(), result.logits.begin(), result.logits.end());
    experts.insert(experts.end(), result.experts.begin(), result.experts.end());
    weights.insert(weights.end(), result.weights.begin(), result.weights.end());
    distinct_experts = result.distinct_experts;
  }
  bool same_bits_as(const Outcome& other) const {
    return same_bits(logits, other.logits) && experts == other.experts && same_bits(weights, other.weights) &&
           distinct_experts == other.distinct_experts;
  }
};

// All that can be asked of a step, for some tokens of one sequence.
inline StepItem ask(int32_t sequence, const std::vector<int32_t>& tokens, size_t first = 0, size_t count = SIZE_MAX) {
  StepItem item;
  item.sequence = sequence;
  const size_t end = std::min(tokens.size(), count > tokens.size() ? tokens.size() : first + count);
  item.tokens.assign(tokens.begin() + static_cast<std::ptrdiff_t>(first),
                     tokens.begin() + static_cast<std::ptrdiff_t>(end));
  item.logits_from = 0;
  item.routing = true;
  return item;
}

// Feeds a sequence `chunk` tokens at a time.
inline Outcome feed(Engine& engine, int32_t sequence, const std::vector<int32_t>& tokens, size_t chunk = SIZE_MAX) {
  Outcome outcome;
  chunk = std::min(chunk, tokens.size());
  for (size_t at = 0; at < tokens.size(); at += chunk) {
    outcome.append(engine.step({ask(sequence, tokens, at, chunk)}, kNotCancelled)[0]);
  }
  return outcome;
}

// A new sequence from beginning to end.
inline Outcome run_alone(Engine& engine, const std::vector<int32_t>& tokens, size_t chunk = SIZE_MAX) {
  const int32_t sequence = engine.create_sequence();
  const Outcome outcome = feed(engine, sequence, tokens, chunk);
  engine.free_sequence(sequence);
  return outcome;
}

}  // namespace moeflow::test
