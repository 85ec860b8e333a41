// The whole forward pass once more, straightforward and in double: one token after another, one number after another,
// from the architectures' descriptions and sharing no code with the product. For models of model/test/tiny_model.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/test/tiny_model.h"

namespace moeflow::test {

class Oracle {
 public:
  using Vector = std::vector<double>;

  struct Token {
    Vector logits;
    std::vector<int32_t> experts;  // [expert layers][k]
    Vector weights;                // same
  };

  explicit Oracle(const TinyModel& model) : model_(model) {}

  // What the model computes at each position of one sequence.
  std::vector<Token> run(const std::vector<int32_t>& tokens) const;

 private:
  struct Head {
    std::vector<Vector> keys, values;  // [position]
  };

  const TinyTensor& tensor(const std::string& name) const { return model_.tensors.at(name); }
  double at(const std::string& name, size_t index) const { return tensor(name).values.at(index); }
  Vector product(const std::string& name, const Vector& x, size_t first_row, size_t rows) const;
  void add_bias(Vector& y, const std::string& name, size_t first = 0) const;
  Vector rms_norm(const Vector& x, const std::string& weight) const;
  void norm_heads(Vector& heads, const std::string& weight) const;
  void rotate(double* head, int position) const;
  double frequency(int pair) const;

  Vector grouped_attention(const std::string& block, int layer, const Vector& x, int position,
                           std::vector<Head>& cache) const;
  Vector latent_attention(const std::string& block, const Vector& x, int position, std::vector<Head>& cache) const;
  Vector attend(const Vector& query, const Head& head, int first, double scale, const double* sink) const;
  Vector feed_forward(const std::string& block, const std::string& suffix, const Vector& x, size_t inner,
                      size_t expert) const;
  Vector experts(const std::string& block, const Vector& x, Token& token) const;
  void route(const std::string& block, const Vector& x, std::vector<int32_t>& ids, Vector& weights) const;

  const TinyModel& model_;
};

}  // namespace moeflow::test
