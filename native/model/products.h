// Matrix products of one parallel region, cut into tasks that all threads share.
#pragma once

#include <algorithm>
#include <span>

#include "base/error.h"
#include "model/forward.h"

namespace moeflow {

struct Product {
  Matrix weights;
  Activations activations;
  float* y = nullptr;  // [tokens][y_stride]
  size_t y_stride = 0;
  int64_t tokens = 0;
  const float* bias = nullptr;  // [weights.rows], added to every token, or null
};

// Runs all products; none may need another's result.
void run_products(const Step& step, std::span<const Product> products);

// Whether a product with these weights reads quantised activations.
bool reads_quantized(const Step& step, const Matrix& weights);

// Runs task(row) for every row of the batch.
template <typename Task>
void for_each_row(const Step& step, int64_t rows, Task&& task) {
  // A few rows each: enough tasks to share, few enough to be cheap.
  const int64_t per_task = rows < 64 ? 1 : 8;
  step.pool.parallel((rows + per_task - 1) / per_task, [&](int64_t t, int thread) {
    for (int64_t r = t * per_task; r < std::min(rows, (t + 1) * per_task); ++r) task(r, thread);
  });
}

}  // namespace moeflow
