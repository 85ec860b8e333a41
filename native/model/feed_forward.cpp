#include "model/feed_forward.h"

#include <algorithm>
#include <cmath>

#include "model/lookahead.h"
#include "model/products.h"
#include "model/router.h"

namespace moeflow {
namespace {

// gpt-oss (GptOssExperts): swish with alpha and both halves clamped.
constexpr float kSwigluAlpha = 1.702F;
constexpr float kSwigluLimit = 7.0F;

// Runs the networks of a layer (its experts and the shared one, or the dense one) side by side.
class Jobs {
 public:
  Jobs(const Step& step, std::span<const FeedForwardJob> jobs) : step_(step), jobs_(jobs) {}

  void run() const {
    run_region(&ExpertWeights::gate, &Jobs::gate_and_up);
    run_region(&ExpertWeights::down, &Jobs::down);
  }

 private:
  // One thread's share of a job: rows [begin, end), and the weights that it will read afterwards.
  struct Task {
    const FeedForwardJob& job;
    int64_t begin;
    int64_t end;
    const uint8_t* next;
    ThreadScratch& scratch;
  };

  // All jobs' rows in one parallel region, kFeedForwardRows at a time. `first` is the matrix that `part` begins with.
  void run_region(Matrix ExpertWeights::*first, void (Jobs::*part)(const Task&) const) const {
    const auto rows_of = [&](const FeedForwardJob& job) { return (job.weights.*first).rows; };
    int64_t per_job = 0;
    for (const FeedForwardJob& job : jobs_)
      per_job = std::max(per_job, (rows_of(job) + kFeedForwardRows - 1) / kFeedForwardRows);
    const auto job_of = [&](int64_t task) -> const FeedForwardJob& {
      return jobs_[static_cast<size_t>(task / per_job)];
    };
    const auto begin_of = [&](int64_t task) { return task % per_job * kFeedForwardRows; };
    step_.pool.parallel(per_job * static_cast<int64_t>(jobs_.size()), [&](int64_t index, int thread, int64_t next) {
      step_.check_cancelled();
      const FeedForwardJob& job = job_of(index);
      const int64_t begin = begin_of(index);
      const int64_t end = std::min(begin + kFeedForwardRows, rows_of(job));
      if (begin >= end) return;
      const uint8_t* next_weights = next < 0 ? nullptr : (job_of(next).weights.*first).row(begin_of(next));
      (this->*part)({job, begin, end, next_weights, step_.space.threads[static_cast<size_t>(thread)]});
    });
  }

  // Some rows of gate and up, the activation, and their quantisation for the down product.
  void gate_and_up(const Task& task) const {
    const FeedForwardJob& job = task.job;
    const int64_t n = task.end - task.begin;
    float* gate = task.scratch.gate.as<float>();
    float* up = gate + job.count * n;
    const Activations normed = step_.space.normed.view();
    multiply(task, job.weights.gate, normed, job.rows, job.gate_bias, gate, n, job.weights.up.row(task.begin));
    multiply(task, job.weights.up, normed, job.rows, job.up_bias, up, n, task.next);
    if (step_.config().architecture->activation == Activation::kSilu) {
      step_.kernels.silu_multiply(gate, up, job.count * n);
    } else {
      step_.kernels.clamped_swiglu(gate, up, job.count * n, kSwigluAlpha, kSwigluLimit);
    }
    const int64_t inner = job.weights.down.cols;
    if (reads_quantized(step_, job.weights.down)) {
      const size_t stride = QuantizedRowLayout(inner).bytes;
      for (int64_t i = 0; i < job.count; ++i) {
        step_.kernels.quantize(gate + i * n, task.begin, n, inner,
                               job.inner_quantized + static_cast<size_t>(i) * stride);
      }
    } else {
      for (int64_t i = 0; i < job.count; ++i) std::copy_n(gate + i * n, n, job.inner + i * inner + task.begin);
    }
  }

  void down(const Task& task) const {
    const FeedForwardJob& job = task.job;
    const int64_t inner = job.weights.down.cols;
    const Activations activations{job.inner, static_cast<size_t>(inner), job.inner_quantized,
                                  QuantizedRowLayout(inner).bytes};
    multiply(task, job.weights.down, activations, nullptr, job.down_bias, job.output + task.begin, step_.config().width,
             task.next);
  }

  void multiply(const Task& task, const Matrix& weights, const Activations& x, const int32_t* rows, const float* bias,
                float* y, int64_t y_stride, const uint8_t* next) const {
    MatmulArgs args;
    args.weights = weights;
    args.row_begin = task.begin;
    args.row_end = task.end;
    args.activations = x;
    args.tokens = rows;
    args.token_count = task.job.count;
    args.y = y;
    args.y_stride = static_cast<size_t>(y_stride);
    args.scratch = task.scratch.matmul.bytes();
    args.next = next;
    step_.kernels.matmul(args);
    if (!bias) return;
    for (int64_t i = 0; i < task.job.count; ++i) {
      for (int64_t r = task.begin; r < task.end; ++r) y[i * y_stride + r - task.begin] += bias[r];
    }
  }

  const Step& step_;
  std::span<const FeedForwardJob> jobs_;
};

// Router logits (and the shared expert's gate), then every row's experts and weights.
void route_rows(const Step& step, const LayerWeights& w, int32_t* ids, float* weights, size_t stride) {
  const RouterConfig& router = step.config().router;
  Workspace& space = step.space;
  const int64_t rows = step.batch.rows();
  const auto row_floats = static_cast<size_t>(router.experts) * 3;
  float* logits = space.router_logits.as<float>();
  const Product products[] = {{w.router, space.normed.view(), logits, row_floats, rows, w.router_bias},
                              {w.shared_gate, space.normed.view(), space.shared_gate.as<float>(), 1, rows, nullptr}};
  run_products(step, {products, w.shared_gate ? size_t{2} : size_t{1}});
  for_each_row(step, rows, [&](int64_t r, int) {
    float* row = logits + static_cast<size_t>(r) * row_floats;
    route(router, row, w.selection_bias, row + router.experts, ids + static_cast<size_t>(r) * stride,
          weights + static_cast<size_t>(r) * stride);
  });
}

// Sorts the (row, k) assignments by expert, rows rising within one: space.expert_begin, grouped_rows, assignment.
void group_by_expert(const Step& step, const int32_t* ids, size_t stride) {
  Workspace& space = step.space;
  const auto used = static_cast<size_t>(step.config().router.used);
  const auto rows = static_cast<size_t>(step.batch.rows());
  std::fill(space.expert_begin.begin(), space.expert_begin.end(), 0);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t k = 0; k < used; ++k) ++space.expert_begin[static_cast<size_t>(ids[r * stride + k]) + 1];
  }
  for (size_t e = 1; e < space.expert_begin.size(); ++e) space.expert_begin[e] += space.expert_begin[e - 1];
  for (size_t r = 0; r < rows; ++r) {
    for (size_t k = 0; k < used; ++k) {
      // expert_begin[e] moves to the end of e while filling, and so becomes the begin of e + 1.
      const int32_t at = space.expert_begin[static_cast<size_t>(ids[r * stride + k])]++;
      space.grouped_rows[static_cast<size_t>(at)] = static_cast<int32_t>(r);
      space.assignment[r * used + k] = at;
    }
  }
}

// The rows of one expert in space.grouped_rows.
std::span<const int32_t> rows_of(const Workspace& space, int32_t expert) {
  // See group_by_expert: an expert's begin is the end of the one before it.
  const int32_t begin = expert == 0 ? 0 : space.expert_begin[static_cast<size_t>(expert) - 1];
  const int32_t end = space.expert_begin[static_cast<size_t>(expert)];
  return {space.grouped_rows.data() + begin, static_cast<size_t>(end - begin)};
}

const float* offset(const float* values, int64_t count) { return values ? values + count : nullptr; }

// The rows of one expert, which lie side by side in the buffers between its matrices.
FeedForwardJob expert_job(const Step& step, int layer, const LayerWeights& w, int32_t expert) {
  const ModelConfig& config = step.config();
  Workspace& space = step.space;
  const auto rows = rows_of(space, expert);
  const int64_t begin = rows.data() - space.grouped_rows.data();
  FeedForwardJob job;
  job.weights = step.experts.weights({layer, expert});
  job.gate_bias = offset(w.gate_bias, int64_t{expert} * config.expert_width);
  job.up_bias = offset(w.up_bias, int64_t{expert} * config.expert_width);
  job.down_bias = offset(w.down_bias, int64_t{expert} * config.width);
  job.rows = rows.data();
  job.count = std::ssize(rows);
  job.inner = space.inner_values.as<float>() + begin * config.expert_width;
  job.inner_quantized =
      space.inner_quantized.bytes() + static_cast<size_t>(begin) * QuantizedRowLayout(config.expert_width).bytes;
  job.output = space.outputs.as<float>() + begin * config.width;
  return job;
}

// All rows through the shared expert, behind those of the others.
FeedForwardJob shared_job(const Step& step, const LayerWeights& w) {
  const ModelConfig& config = step.config();
  Workspace& space = step.space;
  const int64_t assignments = int64_t{step.batch.rows()} * config.router.used;
  FeedForwardJob job;
  job.weights = {w.shared.gate, w.shared.up, w.shared.down};
  job.count = step.batch.rows();
  job.inner = space.inner_values.as<float>() + assignments * config.expert_width;
  job.inner_quantized =
      space.inner_quantized.bytes() + static_cast<size_t>(assignments) * QuantizedRowLayout(config.expert_width).bytes;
  job.output = space.outputs.as<float>() + assignments * config.width;
  return job;
}

// The experts that any row uses, into space.chosen, those of generated tokens first. Returns how many these are.
size_t choose_experts(const Step& step) {
  Workspace& space = step.space;
  space.chosen.clear();
  const auto add = [&](bool generating) {
    for (int32_t e = 0; e < step.config().router.experts; ++e) {
      const auto rows = rows_of(space, e);
      const auto generated = [&](int32_t row) { return step.batch.is_generated(row); };
      if (!rows.empty() && std::any_of(rows.begin(), rows.end(), generated) == generating) space.chosen.push_back(e);
    }
  };
  add(true);
  const size_t generating = space.chosen.size();
  add(false);
  return generating;
}

// Runs the chosen experts, each as soon as it is in memory, and the shared one while others may still come. Each writes
// to a place of its own, so that their order changes no bit.
void run_experts(const Step& step, int layer, const LayerWeights& w) {
  Workspace& space = step.space;
  const size_t generating = choose_experts(step);
  std::span<const int32_t> ready = step.experts.request(layer, space.chosen, generating);
  look_ahead(step, layer);
  space.jobs.clear();
  if (w.shared) space.jobs.push_back(shared_job(step, w));
  do {
    for (const int32_t e : ready) space.jobs.push_back(expert_job(step, layer, w, e));
    give_hints(step);
    Jobs(step, space.jobs).run();
    space.jobs.clear();
    ready = step.experts.next(step.batch.cancelled);
  } while (!ready.empty());
}

// space.projected = the experts' outputs in the router's order, then the shared expert's.
void combine(const Step& step, const LayerWeights& w, const float* weights, size_t stride) {
  const ModelConfig& config = step.config();
  Workspace& space = step.space;
  const auto used = static_cast<size_t>(config.router.used);
  const float* outputs = space.outputs.as<float>();
  const float* shared = outputs + int64_t{step.batch.rows()} * config.router.used * config.width;
  for_each_row(step, step.batch.rows(), [&](int64_t row, int) {
    const auto r = static_cast<size_t>(row);
    float* y = space.projected.row(row);
    std::fill_n(y, config.width, 0.0F);
    for (size_t k = 0; k < used; ++k) {
      const float* x = outputs + int64_t{space.assignment[r * used + k]} * config.width;
      step.kernels.add_scaled(y, x, weights[r * stride + k], config.width);
    }
    if (!w.shared) return;
    const float gate = w.shared_gate ? 1.0F / (1.0F + std::exp(-space.shared_gate.as<float>()[r])) : 1.0F;
    step.kernels.add_scaled(y, shared + row * config.width, gate, config.width);
  });
}

}  // namespace

void dense_feed_forward(const Step& step, int layer) {
  const FeedForwardWeights& w = step.model.weights.layers[static_cast<size_t>(layer)].dense;
  Workspace& space = step.space;
  FeedForwardJob job;
  job.weights = {w.gate, w.up, w.down};
  job.count = step.batch.rows();
  job.inner = space.inner_values.as<float>();
  job.inner_quantized = space.inner_quantized.bytes();
  job.output = space.projected.row(0);
  Jobs(step, {&job, 1}).run();
}

void expert_feed_forward(const Step& step, int layer) {
  const ModelConfig& config = step.config();
  const LayerWeights& w = step.model.weights.layers[static_cast<size_t>(layer)];
  Workspace& space = step.space;
  const auto used = static_cast<size_t>(config.router.used);
  const auto expert_layer = static_cast<size_t>(layer - config.leading_dense_layers);
  const size_t stride = static_cast<size_t>(config.layers - config.leading_dense_layers) * used;
  int32_t* ids = space.expert_ids.data() + expert_layer * used;
  float* weights = space.expert_weights.data() + expert_layer * used;

  route_rows(step, w, ids, weights, stride);
  group_by_expert(step, ids, stride);
  run_experts(step, layer, w);
  combine(step, w, weights, stride);
}

}  // namespace moeflow
