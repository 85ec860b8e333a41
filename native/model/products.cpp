#include "model/products.h"

#include <algorithm>
#include <array>

namespace moeflow {
namespace {

constexpr int64_t kPanel = 16;      // the most rows that a kernel set takes at once
constexpr int64_t kMostRows = 256;  // per task: long enough to stream, short enough to balance
constexpr size_t kMostProducts = 8;

int64_t rows_per_task(const Step& step, const Product& product) {
  const int64_t even = product.weights.rows / (int64_t{8} * step.pool.threads());
  return std::clamp((even + kPanel - 1) / kPanel * kPanel, kPanel, kMostRows);
}

// Rows [begin, end) of a product.
struct Part {
  const Product& product;
  int64_t begin;
  int64_t end;

  const uint8_t* weights() const { return product.weights.row(begin); }
};

void run_part(const Step& step, const Part& part, const uint8_t* next, ThreadScratch& scratch) {
  const auto& [product, begin, end] = part;
  MatmulArgs args;
  args.weights = product.weights;
  args.row_begin = begin;
  args.row_end = end;
  args.activations = product.activations;
  args.token_count = product.tokens;
  args.y = product.y + begin;
  args.y_stride = product.y_stride;
  args.scratch = scratch.matmul.bytes();
  args.next = next;
  step.kernels.matmul(args);
  if (!product.bias) return;
  for (int64_t t = 0; t < product.tokens; ++t) {
    for (int64_t r = begin; r < end; ++r)
      product.y[static_cast<size_t>(t) * product.y_stride + static_cast<size_t>(r)] += product.bias[r];
  }
}

}  // namespace

bool reads_quantized(const Step& step, const Matrix& weights) {
  return step.kernels.quantizes_activations && !is_float(weights.type);
}

void run_products(const Step& step, std::span<const Product> products) {
  MOEFLOW_CHECK(products.size() <= kMostProducts);
  std::array<int64_t, kMostProducts + 1> first_task{};
  std::array<int64_t, kMostProducts> rows{};
  for (size_t p = 0; p < products.size(); ++p) {
    rows[p] = rows_per_task(step, products[p]);
    first_task[p + 1] = first_task[p] + (products[p].weights.rows + rows[p] - 1) / rows[p];
  }
  const auto part_of = [&](int64_t task) {
    size_t p = 0;
    while (task >= first_task[p + 1]) ++p;
    const int64_t begin = (task - first_task[p]) * rows[p];
    return Part{products[p], begin, std::min(begin + rows[p], products[p].weights.rows)};
  };
  step.pool.parallel(first_task[products.size()], [&](int64_t task, int thread, int64_t next) {
    step.check_cancelled();
    run_part(step, part_of(task), next < 0 ? nullptr : part_of(next).weights(),
             step.space.threads[static_cast<size_t>(thread)]);
  });
}

}  // namespace moeflow
