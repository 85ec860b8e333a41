#include "base/processors.h"

#ifdef __linux__
#include <sched.h>
#endif

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <optional>
#include <thread>

#include "base/control_groups.h"

namespace moeflow {
namespace {

// Of one group: microseconds of processor time in a period, none for no limit. Version 2 has both numbers in one file.
struct Quota {
  std::optional<uint64_t> time;
  uint64_t period = 0;
};

Quota quota_of(const ControlGroup& group) {
  if (group.version == 1) {  // the quota is -1 for no limit
    std::ifstream file(group.directory + "/cpu.cfs_quota_us");
    int64_t time = -1;
    if (!(file >> time) || time <= 0) return {};
    return {static_cast<uint64_t>(time), number_in(group.directory + "/cpu.cfs_period_us").value_or(0)};
  }
  std::ifstream file(group.directory + "/cpu.max");
  uint64_t time = 0;
  uint64_t period = 0;
  if (!(file >> time >> period)) return {};
  return {time, period};
}

}  // namespace

int processor_quota(const std::string& root) {
  uint64_t fewest = std::numeric_limits<uint64_t>::max();
  for (const ControlGroup& group : control_groups("cpu", root)) {
    const Quota quota = quota_of(group);
    if (!quota.time || *quota.time == 0 || quota.period == 0) continue;
    fewest = std::min(fewest, (*quota.time - 1) / quota.period + 1);
  }
  return fewest > std::numeric_limits<int>::max() ? 0 : static_cast<int>(fewest);
}

int usable_processors() {
  int processors = static_cast<int>(std::thread::hardware_concurrency());
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) processors = CPU_COUNT(&set);
  if (const int quota = processor_quota(); quota > 0) processors = std::min(processors, quota);
#endif
  return std::max(processors, 1);
}

}  // namespace moeflow
