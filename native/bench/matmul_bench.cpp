// Speed of the kernels without a model:
//   moeflow_matmul_bench <decode|cached|prefill|attention|all> [set[,set]] [type[,type]] [rows per task]
//   decode     weights streamed from memory (1 GB of expert matrices): GB/s beside a plain read loop of the same bytes
//   cached     weights in the L2 cache, one thread: cycles per block of 32 weights
//   prefill    one thread, many tokens: GMAC/s and MAC per cycle
//   attention  one head of 128 dimensions: ns and MAC per cycle
// Bandwidths are the best of 5 (others on the machine only ever slow it down), cycles the median of 25 by the thread's
// own clock. Cycles are the core's: a chain of dependent multiplications timed right after each run tells its
// frequency, which wide instructions lower (measured: 3.9 GHz, 3.1 with AMX).
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/memory.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"

using namespace moeflow;

namespace {

constexpr DType kTypes[] = {DType::kQ4_0,  DType::kQ4_K, DType::kQ8_0, DType::kQ4_1, DType::kQ5_0,   DType::kQ5_1,
                            DType::kQ2_K,  DType::kQ3_K, DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kIQ4_XS,
                            DType::kMXFP4, DType::kF32,  DType::kF16,  DType::kBF16};
constexpr size_t kWeightBytes = size_t{1} << 30;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Seconds that this thread has run: what others take does not count.
double thread_seconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double shortest_seconds(const std::function<void()>& run) {
  double shortest = 1e9;
  for (int i = 0; i < 5; ++i) {
    const double start = now();
    run();
    shortest = std::min(shortest, now() - start);
  }
  return shortest;
}

// Cycles per second of this core now; 0 where the chain is not written down.
double core_frequency() {
#if defined(__x86_64__)
  constexpr long kMultiplications = 20000;  // 3 cycles each on every x86-64 of the last ten years
  long left = kMultiplications / 20;
  const double start = thread_seconds();
  asm volatile("1:\n .rept 20\n imul %%rax, %%rax\n .endr\n dec %0\n jnz 1b" : "+r"(left) : : "rax", "cc");
  return 3 * kMultiplications / (thread_seconds() - start);
#else
  return 0;
#endif
}

uint64_t read_all(const uint8_t* p, size_t bytes) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i + 64 <= bytes; i += 64) {
    for (size_t k = 0; k < 8; ++k) {
      uint64_t word;
      std::memcpy(&word, p + i + 8 * k, sizeof(word));
      sums[k] += word;
    }
  }
  uint64_t sum = 0;
  for (const uint64_t s : sums) sum += s;
  return sum;
}

struct Bench {
  AlignedBuffer weights{kWeightBytes, "benchmark weights"};
  AlignedBuffer scratch[2];
  AlignedBuffer values{sizeof(float) * 512 * 2048, "benchmark activations"};
  AlignedBuffer quantized{512 * QuantizedRowLayout(2048).bytes + 4096, "benchmark activations"};
  AlignedBuffer y{sizeof(float) * 512 * 2048, "benchmark results"};

  Bench() {
    std::mt19937_64 random(1);
    // Whatever a type takes as a scale is then an ordinary number: no infinity, no denormal.
    auto* words = weights.as<uint64_t>();
    for (size_t i = 0; i < kWeightBytes / 8; ++i) words[i] = (random() & 0x3b3b3b3b3b3b3b3bU) | 0x2020202020202020U;
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < 512 * 2048; ++i) values.as<float>()[i] = normal(random);
    for (AlignedBuffer& s : scratch) s = AlignedBuffer(matmul_scratch_bytes(2048), "benchmark scratch");
  }

  MatmulArgs args(const KernelSet& set, DType type, const uint8_t* data, int64_t rows, int64_t cols, int64_t tokens) {
    const size_t stride = QuantizedRowLayout(cols).bytes;
    for (int64_t t = 0; t < tokens && !is_float(type); ++t) {
      set.quantize(values.as<float>() + t * cols, 0, cols, cols, quantized.bytes() + static_cast<size_t>(t) * stride);
    }
    MatmulArgs a;
    a.weights = {data, type, rows, cols, row_bytes(type, static_cast<size_t>(cols))};
    a.row_end = rows;
    a.activations = {values.as<float>(), static_cast<size_t>(cols), quantized.bytes(), stride};
    a.token_count = tokens;
    a.y = y.as<float>();
    a.y_stride = static_cast<size_t>(rows);
    a.scratch = scratch[0].bytes();
    return a;
  }

  // Expert matrices of OLMoE one after the other, each split into tasks of rows.
  double stream_gigabytes(const KernelSet& set, DType type, int64_t rows, int64_t cols, int64_t tokens,
                          int64_t task_rows, ThreadPool& pool) {
    const MatmulArgs whole = args(set, type, weights.bytes(), rows, cols, tokens);
    const size_t matrix_bytes = static_cast<size_t>(rows) * whole.weights.row_bytes;
    const int64_t matrices = static_cast<int64_t>(kWeightBytes / matrix_bytes);
    const double seconds = shortest_seconds([&] {
      for (int64_t m = 0; m < matrices; m += 8) {  // one parallel region per 8 experts, as the engine does
        const int64_t tasks = std::min<int64_t>(8, matrices - m) * (rows / task_rows);
        const uint8_t* first = whole.weights.data + static_cast<size_t>(m) * matrix_bytes;
        pool.parallel(tasks, [&](int64_t task, int thread, int64_t next) {
          MatmulArgs a = whole;
          a.weights.data = first + static_cast<size_t>(task / (rows / task_rows)) * matrix_bytes;
          a.row_begin = task % (rows / task_rows) * task_rows;
          a.row_end = a.row_begin + task_rows;
          a.y += a.row_begin;
          a.scratch = scratch[thread].bytes();
          a.next = next < 0 ? nullptr : first + static_cast<size_t>(next * task_rows) * whole.weights.row_bytes;
          set.matmul(a);
        });
      }
    });
    return static_cast<double>(matrix_bytes) * static_cast<double>(matrices) / seconds / 1e9;
  }

  double read_gigabytes(ThreadPool& pool) {
    constexpr size_t kTask = size_t{2} << 20;
    const double seconds = shortest_seconds([&] {
      pool.parallel(kWeightBytes / kTask, [&](int64_t i, int) {
        const uint64_t sum = read_all(weights.bytes() + static_cast<size_t>(i) * kTask, kTask);
        asm volatile("" : : "r"(sum));
      });
    });
    return static_cast<double>(kWeightBytes) / seconds / 1e9;
  }

  void decode(const KernelSet& set, DType type, int64_t task_rows) {
    for (const int threads : {1, 2}) {
      ThreadPool pool(threads);
      for (const int64_t tokens : {1, 2, 4, 8}) {
        const double up = stream_gigabytes(set, type, 1024, 2048, tokens, task_rows, pool);
        const double read = read_gigabytes(pool);
        const double down = stream_gigabytes(set, type, 2048, 1024, tokens, task_rows, pool);
        std::printf(
            "decode   %-8s %-6s %d threads %3ld tokens: 1024 x 2048 %5.1f GB/s (%3.0f%%), 2048 x 1024 %5.1f GB/s "
            "(%3.0f%%), plain read %5.1f GB/s\n",
            set.name, traits(type).name, threads, static_cast<long>(tokens), up, 100 * up / read, down,
            100 * down / read, read);
        std::fflush(stdout);
      }
    }
  }

  struct Spent {
    double cycles, seconds;
  };

  // Median of one call of `run`, timed in batches of at least 1 ms.
  static Spent spent(const std::function<void()>& run) {
    run();
    const double start = thread_seconds();
    run();
    const int batch = static_cast<int>(std::max(1.0, 1e-3 / (thread_seconds() - start)));
    std::vector<double> cycles, seconds;
    for (int i = 0; i < 25; ++i) {
      const double begin = thread_seconds();
      for (int k = 0; k < batch; ++k) run();
      seconds.push_back((thread_seconds() - begin) / batch);
      cycles.push_back(seconds.back() * core_frequency());
    }
    return {median(cycles), median(seconds)};
  }
  static double cycles(const std::function<void()>& run) { return spent(run).cycles; }

  void cached(const KernelSet& set, DType type) {
    std::printf("cached   %-8s %-6s cycles per 32 weights and token:", set.name, traits(type).name);
    for (const int64_t tokens : {1, 2, 4, 8}) {
      const MatmulArgs a = args(set, type, weights.bytes(), 64, 2048, tokens);
      const double blocks = 64.0 * 2048 / 32;
      std::printf("  %ld: %6.2f", static_cast<long>(tokens),
                  cycles([&] { set.matmul(a); }) / blocks / static_cast<double>(tokens));
    }
    std::printf("\n");
  }

  void prefill(const KernelSet& set, DType type) {
    std::printf("prefill  %-8s %-6s", set.name, traits(type).name);
    for (const int64_t tokens : {16, 64, 512}) {
      const MatmulArgs a = args(set, type, weights.bytes(), 1024, 2048, tokens);
      const double macs = 1024.0 * 2048 * static_cast<double>(tokens);
      const Spent time = spent([&] { set.matmul(a); });
      std::printf("  %3ld tokens: %5.1f GMAC/s %5.1f MAC/cycle", static_cast<long>(tokens), macs / time.seconds / 1e9,
                  macs / time.cycles);
    }
    std::printf("\n");
    std::fflush(stdout);
  }

  void attend(const KernelSet& set) {
    constexpr int kDim = 128;
    constexpr int kPositions = 512;
    AlignedBuffer scores(sizeof(float) * kAttentionQueries * kPositions, "benchmark scores");
    for (const bool half : {true, false}) {
      std::vector<const void*> keys, cache_values;
      for (int tile = 0; tile < kPositions / 16; ++tile) {
        const size_t bytes = 16 * kDim * (half ? 2 : 4);
        keys.push_back(weights.bytes() + bytes * static_cast<size_t>(tile));
        cache_values.push_back(weights.bytes() + bytes * static_cast<size_t>(tile + kPositions / 16));
      }
      for (const int queries : {1, 64}) {
        std::vector<const float*> q;
        std::vector<float*> out;
        std::vector<int32_t> begin, end;
        for (int i = 0; i < queries; ++i) {
          q.push_back(values.as<float>() + i * kDim);
          out.push_back(y.as<float>() + i * kDim);
          begin.push_back(0);
          end.push_back(queries == 1 ? kPositions : kPositions - queries + i + 1);
        }
        AttentionArgs a;
        a.queries = q.data();
        a.outputs = out.data();
        a.begin = begin.data();
        a.end = end.data();
        a.query_count = queries;
        a.key_tiles = keys.data();
        a.value_tiles = cache_values.data();
        a.key_dim = a.value_dim = kDim;
        a.scale = 0.09F;
        a.half_cache = half;
        a.scores = scores.as<float>();
        a.score_stride = kPositions;
        const Spent time = spent([&] { set.attention(a); });
        std::printf("attention %-8s F%d %2d queries x %d positions: %8.0f ns, %5.1f MAC/cycle\n", set.name,
                    half ? 16 : 32, queries, kPositions, time.seconds * 1e9,
                    2.0 * kDim * kPositions * queries / time.cycles);
      }
    }
    const double norm =
        cycles([&] { set.rms_norm(values.as<float>(), values.as<float>(), 1e-5F, 2048, y.as<float>()); });
    const double silu = cycles([&] {
      std::memcpy(y.bytes(), values.bytes(), 1024 * sizeof(float));
      set.silu_multiply(y.as<float>(), values.as<float>(), 1024);
    });
    const double quantize = cycles([&] { set.quantize(values.as<float>(), 0, 2048, 2048, quantized.bytes()); });
    std::printf("elementwise %-8s cycles per value: rms_norm %.2f, silu_multiply %.2f, quantize %.2f\n", set.name,
                norm / 2048, silu / 1024, quantize / 2048);
  }
};

std::vector<std::string> split(const char* list) {
  std::vector<std::string> parts;
  std::istringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string what = argc > 1 ? argv[1] : "all";
  const std::vector<std::string> sets = split(argc > 2 ? argv[2] : select_kernels("").name);
  const std::vector<std::string> types = split(argc > 3 ? argv[3] : "Q4_0,Q4_K,Q8_0,F32,F16");
  const int64_t task_rows = argc > 4 ? std::atoi(argv[4]) : 128;
  Bench bench;
  for (const std::string& name : sets) {
    const KernelSet& set = select_kernels(name.c_str());
    for (const DType type : kTypes) {
      if (types.front() != "all" && std::find(types.begin(), types.end(), traits(type).name) == types.end()) continue;
      if (what == "decode" || what == "all") bench.decode(set, type, task_rows);
      if (what == "cached" || what == "all") bench.cached(set, type);
      if (what == "prefill" || what == "all") bench.prefill(set, type);
    }
    if (what == "attention" || what == "all") bench.attend(set);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
