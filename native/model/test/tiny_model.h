// A random model of any supported architecture, small enough to be computed by hand in double, written as a GGUF file.
// The tensors can be looked at and changed before they are written.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gguf/test/gguf_bytes.h"

namespace moeflow::test {

inline constexpr int kContext = 128;

struct TinyOptions {
  std::string architecture = "qwen3moe";
  bool q8_0 = false;  // matrices in Q8_0, otherwise all tensors F32
  int layers = 2;
  int leading_dense = 0;
  int experts = 4;
  int used = 2;
  int latent_rank = 32;
  int context = kContext;
  unsigned seed = 1;
};

// Sizes that all tiny models share. An expert is wider than what one task of a step computes.
inline constexpr int kWidth = 64;
inline constexpr int kHeads = 4;
inline constexpr int kKvHeads = 2;
inline constexpr int kHeadDim = 16;  // of latent attention: the unrotated part, and of the values
inline constexpr int kLatentRope = 8;
inline constexpr int kExpertWidth = 160;
inline constexpr int kDenseWidth = 96;
inline constexpr int kVocabulary = 48;
inline constexpr int kGptOssWindow = 5;
inline constexpr float kEpsilon = 1e-5F;

struct TinyTensor {
  std::vector<uint64_t> dims;
  std::vector<float> values;  // exactly those that the file holds
  std::string blocks{};       // Q8_0; empty: the values as F32

  size_t cols() const { return dims[0]; }
};

class TinyModel {
 public:
  explicit TinyModel(const TinyOptions& options);

  const TinyOptions& options() const { return options_; }
  bool is(const char* architecture) const { return options_.architecture == architecture; }
  bool has(const std::string& name) const { return tensors.contains(name); }

  // The whole file.
  std::string file() const;

  std::map<std::string, TinyTensor> tensors;
  gguf::test::GgufBytes keys;  // the metadata, without tensors

 private:
  void add_keys();
  void add_attention(const std::string& block);
  void add_latent_attention(const std::string& block);
  void add_experts(const std::string& block);
  void add_matrix(const std::string& name, std::vector<uint64_t> dims, float gain = 1.0F);
  void add_vector(const std::string& name, std::vector<uint64_t> dims, float mean, float deviation);
  float normal(float deviation);

  TinyOptions options_;
  std::mt19937 random_;
};

}  // namespace moeflow::test
