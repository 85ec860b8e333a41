// How fast a file is read past the page cache, and what processor time that costs, by both ways of reading, several
// sizes of a read and numbers of reads under way. Rounds alternate between the ways; the medians are printed.
//   moeflow_read_bench FILE [KIB,... default 256,1024,4096] [DEPTH,... default 2,4,8,16,32] [ROUNDS, default 5]
//     [SECONDS, default 0.3]
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <vector>

#include "experts/measure_reads.h"

using namespace moeflow;

namespace {

struct Cost {
  double speed;      // bytes per second
  double processor;  // seconds per GB
};

double processor_seconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::vector<int> numbers(const char* list) {
  std::vector<int> result;
  std::istringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');) result.push_back(std::atoi(part.c_str()));
  return result;
}

Cost measure(const char* path, const ReadOptions& options, double seconds) {
  const std::atomic<bool> cancelled = false;
  const double before = processor_seconds();
  const double speed = measure_reads(path, options, seconds, cancelled).bytes_per_second;
  return {speed, (processor_seconds() - before) / (speed * seconds / 1e9)};
}

template <typename Field>
double median(std::vector<Cost> costs, Field field) {
  std::sort(costs.begin(), costs.end(), [&](const Cost& a, const Cost& b) { return a.*field < b.*field; });
  return costs[costs.size() / 2].*field;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fprintf(stderr, "usage: moeflow_read_bench FILE [KIB,...] [DEPTH,...] [ROUNDS] [SECONDS]\n");
    return 2;
  }
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 5;
  const double seconds = argc > 5 ? std::atof(argv[5]) : 0.3;
  std::printf("KiB\tdepth\tio_uring GB/s\tthreads GB/s\tio_uring s/GB\tthreads s/GB\n");
  for (const int kib : numbers(argc > 2 ? argv[2] : "256,1024,4096")) {
    for (const int depth : numbers(argc > 3 ? argv[3] : "2,4,8,16,32")) {
      std::map<ReadMethod, std::vector<Cost>> costs;
      for (int round = 0; round < rounds; ++round) {
        for (const ReadMethod method : {ReadMethod::kIoUring, ReadMethod::kThreads}) {
          ReadOptions options;
          options.method = method;
          options.bytes = static_cast<uint64_t>(kib) << 10;
          options.depth = depth;
          costs[method].push_back(measure(argv[1], options, seconds));
        }
      }
      const auto& ring = costs[ReadMethod::kIoUring];
      const auto& threads = costs[ReadMethod::kThreads];
      std::printf("%d\t%d\t%.2f\t%.2f\t%.3f\t%.3f\n", kib, depth, median(ring, &Cost::speed) / 1e9,
                  median(threads, &Cost::speed) / 1e9, median(ring, &Cost::processor),
                  median(threads, &Cost::processor));
      std::fflush(stdout);
    }
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
