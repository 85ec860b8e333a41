#include "engine/test/oracle.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace moeflow::test {
namespace {

using Vector = Oracle::Vector;

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

Vector softmax(const Vector& x) {
  const double peak = *std::max_element(x.begin(), x.end());
  double total = 0;
  for (const double value : x) total += std::exp(value - peak);
  Vector y;
  for (const double value : x) y.push_back(std::exp(value - peak) / total);
  return y;
}

std::vector<int32_t> best_first(const Vector& scores) {
  std::vector<int32_t> ids(scores.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) {
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  return ids;
}

void add(Vector& y, const Vector& x, double scale) {
  for (size_t i = 0; i < y.size(); ++i) y[i] += scale * x[i];
}

}  // namespace

std::vector<Oracle::Token> Oracle::run(const std::vector<int32_t>& tokens) const {
  const bool granite = model_.is("granitemoe");
  std::vector<std::vector<Head>> cache(static_cast<size_t>(model_.options().layers), std::vector<Head>(kHeads));
  std::vector<Token> results(tokens.size());
  for (size_t t = 0; t < tokens.size(); ++t) {
    const auto position = static_cast<int>(t);
    Vector x;
    for (size_t i = 0; i < kWidth; ++i) {
      x.push_back(at("token_embd.weight", static_cast<size_t>(tokens[t]) * kWidth + i) * (granite ? 3.0 : 1.0));
    }
    for (int layer = 0; layer < model_.options().layers; ++layer) {
      const std::string block = "blk." + std::to_string(layer) + ".";
      const Vector normed = rms_norm(x, block + "attn_norm.weight");
      auto& heads = cache[static_cast<size_t>(layer)];
      add(x,
          model_.is("deepseek2") ? latent_attention(block, normed, position, heads)
                                 : grouped_attention(block, layer, normed, position, heads),
          granite ? 0.5 : 1.0);
      const bool post = model_.has(block + "post_attention_norm.weight");
      const Vector again = rms_norm(x, block + (post ? "post_attention_norm.weight" : "ffn_norm.weight"));
      add(x,
          layer < model_.options().leading_dense ? feed_forward(block, "", again, kDenseWidth, 0)
                                                 : experts(block, again, results[t]),
          granite ? 0.5 : 1.0);
    }
    const bool tied = !model_.has("output.weight");
    results[t].logits =
        product(tied ? "token_embd.weight" : "output.weight", rms_norm(x, "output_norm.weight"), 0, kVocabulary);
    for (double& logit : results[t].logits) logit /= granite ? 2.0 : 1.0;
  }
  return results;
}

Vector Oracle::product(const std::string& name, const Vector& x, size_t first_row, size_t rows) const {
  const TinyTensor& matrix = tensor(name);
  Vector y(rows);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < x.size(); ++c)
      y[r] += static_cast<double>(matrix.values.at((first_row + r) * matrix.cols() + c)) * x[c];
  }
  return y;
}

void Oracle::add_bias(Vector& y, const std::string& name, size_t first) const {
  if (!model_.has(name)) return;
  for (size_t i = 0; i < y.size(); ++i) y[i] += at(name, first + i);
}

Vector Oracle::rms_norm(const Vector& x, const std::string& weight) const {
  double squares = 0;
  for (const double value : x) squares += value * value;
  const double root = std::sqrt(squares / static_cast<double>(x.size()) + static_cast<double>(kEpsilon));
  Vector y;
  for (size_t i = 0; i < x.size(); ++i) y.push_back(x[i] / root * at(weight, i));
  return y;
}

// Per head where the weight is a head long, over all heads together otherwise.
void Oracle::norm_heads(Vector& heads, const std::string& weight) const {
  if (!model_.has(weight)) return;
  const auto span = static_cast<std::ptrdiff_t>(tensor(weight).values.size());
  for (auto head = heads.begin(); head != heads.end(); head += span) {
    const Vector normed = rms_norm({head, head + span}, weight);
    std::copy(normed.begin(), normed.end(), head);
  }
}

double Oracle::frequency(int pair) const {
  const int dims = model_.is("deepseek2") ? kLatentRope : model_.is("glm4moe") ? kHeadDim / 2 : kHeadDim;
  const double frequency = std::pow(10000.0, -2.0 * pair / dims);
  if (!model_.is("gpt-oss")) return frequency;
  // YaRN: factor 4, original context 32, turns 32 and 1; the bounds rounded outwards to whole pairs.
  const auto pair_of = [&](double turns) {
    return dims * std::log(32 / (turns * 2 * std::numbers::pi)) / (2 * std::log(10000.0));
  };
  const double low = std::max(std::floor(pair_of(32)), 0.0);
  const double high = std::min(std::ceil(pair_of(1)), dims - 1.0);
  const double share = std::clamp((pair - low) / (high - low), 0.0, 1.0);
  return frequency * (1 - share) + frequency / 4 * share;
}

void Oracle::rotate(double* head, int position) const {
  const bool neighbours = model_.is("llama") || model_.is("granitemoe") || model_.is("deepseek2");
  const int dims = model_.is("deepseek2") ? kLatentRope : model_.is("glm4moe") ? kHeadDim / 2 : kHeadDim;
  const double magnitude = model_.is("gpt-oss") ? 0.1 * std::log(4.0) + 1.0 : 1.0;
  for (int i = 0; i < dims / 2; ++i) {
    double& a = head[neighbours ? 2 * i : i];
    double& b = head[neighbours ? 2 * i + 1 : i + dims / 2];
    const double angle = position * frequency(i);
    const double x = a;
    a = magnitude * (x * std::cos(angle) - b * std::sin(angle));
    b = magnitude * (x * std::sin(angle) + b * std::cos(angle));
  }
}

Vector Oracle::attend(const Vector& query, const Head& head, int first, double scale, const double* sink) const {
  Vector scores;
  for (size_t p = static_cast<size_t>(first); p < head.keys.size(); ++p) {
    scores.push_back(scale * std::inner_product(query.begin(), query.end(), head.keys[p].begin(), 0.0));
  }
  if (sink) scores.push_back(*sink);
  const Vector shares = softmax(scores);
  Vector result(head.values[0].size());
  for (size_t p = static_cast<size_t>(first); p < head.keys.size(); ++p) {
    add(result, head.values[p], shares[p - static_cast<size_t>(first)]);
  }
  return result;
}

Vector Oracle::grouped_attention(const std::string& block, int layer, const Vector& x, int position,
                                 std::vector<Head>& cache) const {
  Vector queries = product(block + "attn_q.weight", x, 0, kHeads * kHeadDim);
  Vector keys = product(block + "attn_k.weight", x, 0, kKvHeads * kHeadDim);
  Vector values = product(block + "attn_v.weight", x, 0, kKvHeads * kHeadDim);
  add_bias(queries, block + "attn_q.bias");
  add_bias(keys, block + "attn_k.bias");
  add_bias(values, block + "attn_v.bias");
  norm_heads(queries, block + "attn_q_norm.weight");
  norm_heads(keys, block + "attn_k_norm.weight");
  for (int h = 0; h < kKvHeads; ++h) {
    rotate(&keys[static_cast<size_t>(h * kHeadDim)], position);
    Head& head = cache[static_cast<size_t>(h)];
    head.keys.emplace_back(keys.begin() + h * kHeadDim, keys.begin() + (h + 1) * kHeadDim);
    head.values.emplace_back(values.begin() + h * kHeadDim, values.begin() + (h + 1) * kHeadDim);
  }
  const bool window = model_.is("gpt-oss") && layer % 2 == 0;
  const int first = window ? std::max(0, position - kGptOssWindow + 1) : 0;
  const double scale = model_.is("granitemoe") ? static_cast<double>(0.2F) : 1.0 / std::sqrt(kHeadDim);
  Vector attended;
  for (int h = 0; h < kHeads; ++h) {
    rotate(&queries[static_cast<size_t>(h * kHeadDim)], position);
    const Vector query(queries.begin() + h * kHeadDim, queries.begin() + (h + 1) * kHeadDim);
    const bool has_sink = model_.has(block + "attn_sinks.weight");
    const double sink = has_sink ? at(block + "attn_sinks.weight", static_cast<size_t>(h)) : 0.0;
    const Vector result =
        attend(query, cache[static_cast<size_t>(h * kKvHeads / kHeads)], first, scale, has_sink ? &sink : nullptr);
    attended.insert(attended.end(), result.begin(), result.end());
  }
  Vector y = product(block + "attn_output.weight", attended, 0, kWidth);
  add_bias(y, block + "attn_output.bias");
  return y;
}

// DeepSeek-V2, arXiv 2405.04434, section 2.1, as written: keys and values of every head expanded from the latent.
Vector Oracle::latent_attention(const std::string& block, const Vector& x, int position,
                                std::vector<Head>& cache) const {
  const auto rank = static_cast<size_t>(model_.options().latent_rank);
  Vector compressed = product(block + "attn_kv_a_mqa.weight", x, 0, rank + kLatentRope);
  rotate(&compressed[rank], position);
  const Vector latent = rms_norm({compressed.begin(), compressed.begin() + static_cast<std::ptrdiff_t>(rank)},
                                 block + "attn_kv_a_norm.weight");
  Vector attended;
  for (size_t h = 0; h < kHeads; ++h) {
    Vector key(kHeadDim);  // attn_k_b is transposed: [rank][kHeadDim] of each head
    for (size_t n = 0; n < kHeadDim; ++n) {
      for (size_t r = 0; r < rank; ++r)
        key[n] += at(block + "attn_k_b.weight", (h * rank + r) * kHeadDim + n) * latent[r];
    }
    key.insert(key.end(), compressed.begin() + static_cast<std::ptrdiff_t>(rank), compressed.end());
    cache[h].keys.push_back(key);
    cache[h].values.push_back(product(block + "attn_v_b.weight", latent, h * kHeadDim, kHeadDim));
    constexpr size_t kQueryDim = kHeadDim + kLatentRope;
    Vector query = product(block + "attn_q.weight", x, h * kQueryDim, kQueryDim);
    rotate(&query[kHeadDim], position);
    const Vector result = attend(query, cache[h], 0, 1.0 / std::sqrt(static_cast<double>(kQueryDim)), nullptr);
    attended.insert(attended.end(), result.begin(), result.end());
  }
  return product(block + "attn_output.weight", attended, 0, kWidth);
}

Vector Oracle::feed_forward(const std::string& block, const std::string& suffix, const Vector& x, size_t inner,
                            size_t expert) const {
  Vector gate = product(block + "ffn_gate" + suffix + ".weight", x, expert * inner, inner);
  Vector up = product(block + "ffn_up" + suffix + ".weight", x, expert * inner, inner);
  add_bias(gate, block + "ffn_gate" + suffix + ".bias", expert * inner);
  add_bias(up, block + "ffn_up" + suffix + ".bias", expert * inner);
  for (size_t i = 0; i < inner; ++i) {
    if (model_.is("gpt-oss")) {
      const double g = std::min(gate[i], 7.0);
      gate[i] = g * sigmoid(1.702 * g) * (std::clamp(up[i], -7.0, 7.0) + 1.0);
    } else {
      gate[i] *= sigmoid(gate[i]) * up[i];
    }
  }
  Vector y = product(block + "ffn_down" + suffix + ".weight", gate, expert * kWidth, kWidth);
  add_bias(y, block + "ffn_down" + suffix + ".bias", expert * kWidth);
  return y;
}

void Oracle::route(const std::string& block, const Vector& x, std::vector<int32_t>& ids, Vector& weights) const {
  const auto count = static_cast<size_t>(model_.options().experts);
  const auto used = static_cast<std::ptrdiff_t>(model_.options().used);
  Vector logits = product(block + "ffn_gate_inp.weight", x, 0, count);
  add_bias(logits, block + "ffn_gate_inp.bias");
  if (model_.is("glm4moe")) {  // sigmoid, two groups of which one is used, normalised, times 1.5
    Vector selection;
    for (double& logit : logits) selection.push_back(logit = sigmoid(logit));
    add_bias(selection, block + "exp_probs_b.bias");
    double best = -1e9;
    Vector kept(count, -1e9);
    for (size_t g = 0; g < 2; ++g) {
      const auto first = selection.begin() + static_cast<std::ptrdiff_t>(g * count / 2);
      Vector group(first, first + static_cast<std::ptrdiff_t>(count / 2));
      std::sort(group.rbegin(), group.rend());
      if (group[0] + group[1] <= best) continue;
      best = group[0] + group[1];
      std::fill(kept.begin(), kept.end(), -1e9);
      std::copy_n(first, count / 2, kept.begin() + static_cast<std::ptrdiff_t>(g * count / 2));
    }
    ids = best_first(kept);
  } else {
    ids = best_first(logits);
  }
  ids.resize(static_cast<size_t>(used));
  const bool softmax_first = !model_.is("gpt-oss") && !model_.is("granitemoe") && !model_.is("glm4moe");
  const Vector scores = softmax_first ? softmax(logits) : logits;
  weights.clear();
  for (const int32_t e : ids) weights.push_back(scores[static_cast<size_t>(e)]);
  if (model_.is("gpt-oss") || model_.is("granitemoe")) weights = softmax(weights);
  if (model_.is("qwen3moe") || model_.is("llama") || model_.is("glm4moe")) {
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (double& weight : weights) weight *= (model_.is("glm4moe") ? 1.5 : 1.0) / sum;
  }
}

Vector Oracle::experts(const std::string& block, const Vector& x, Token& token) const {
  std::vector<int32_t> ids;
  Vector weights;
  route(block, x, ids, weights);
  Vector y(kWidth);
  for (size_t k = 0; k < ids.size(); ++k) {
    add(y, feed_forward(block, "_exps", x, kExpertWidth, static_cast<size_t>(ids[k])), weights[k]);
  }
  if (model_.has(block + "ffn_up_shexp.weight")) {
    const bool gated = model_.has(block + "ffn_gate_inp_shexp.weight");
    const double gate = gated ? sigmoid(product(block + "ffn_gate_inp_shexp.weight", x, 0, 1)[0]) : 1.0;
    add(y, feed_forward(block, "_shexp", x, gated ? kDenseWidth : kExpertWidth, 0), gate);
  }
  token.experts.insert(token.experts.end(), ids.begin(), ids.end());
  token.weights.insert(token.weights.end(), weights.begin(), weights.end());
  return y;
}

}  // namespace moeflow::test
