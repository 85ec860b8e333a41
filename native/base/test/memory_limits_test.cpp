// Free memory as the files of /proc and /sys tell it, in their formats as the kernel's documentation has them
// (filesystems/proc, cgroup-v1/memory, cgroup-v2).
#include "base/memory_limits.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "gguf/test/temporary_directory.h"

using namespace moeflow;

namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

class Machine {
 public:
  explicit Machine(uint64_t available) {
    write("/proc/meminfo", "MemTotal:       24000000 kB\nMemFree:          100000 kB\nMemAvailable:   " +
                               std::to_string(available / 1024) + " kB\nBuffers:  5 kB\n");
  }
  Machine& in_groups(const std::string& lines) {
    write("/proc/self/cgroup", lines);
    return *this;
  }
  Machine& write(const std::string& path, const std::string& content) {
    std::filesystem::create_directories(directory_.at(path).substr(0, directory_.at(path).find_last_of('/')));
    directory_.write(path, content);
    return *this;
  }
  Machine& group2(const std::string& path, const std::string& max, uint64_t current, uint64_t cached) {
    write("/sys/fs/cgroup" + path + "/memory.max", max + "\n");
    write("/sys/fs/cgroup" + path + "/memory.current", std::to_string(current) + "\n");
    return write("/sys/fs/cgroup" + path + "/memory.stat",
                 "anon 1\nfile 77\ninactive_file " + std::to_string(cached) + "\nactive_file 0\n");
  }
  Machine& group1(const std::string& path, uint64_t limit, uint64_t usage, uint64_t cached) {
    write("/sys/fs/cgroup/memory" + path + "/memory.limit_in_bytes", std::to_string(limit) + "\n");
    write("/sys/fs/cgroup/memory" + path + "/memory.usage_in_bytes", std::to_string(usage) + "\n");
    return write("/sys/fs/cgroup/memory" + path + "/memory.stat",
                 "inactive_file 3\ntotal_inactive_file 0\ntotal_active_file " + std::to_string(cached) + "\n");
  }
  uint64_t available() const { return available_memory(directory_.path()); }

 private:
  gguf::test::TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("without control groups, what the machine has left") {
  CHECK(Machine(5 * kGiB).available() == 5 * kGiB);
  CHECK(Machine(5 * kGiB).in_groups("0::/\n").available() == 5 * kGiB);
}

TEST_CASE("a system that does not tell gives 0") {
  const gguf::test::TemporaryDirectory empty;
  CHECK(available_memory(empty.path()) == 0);
}

TEST_CASE("version 2: the limit less what is used, where pages of files do not count as used") {
  Machine machine(20 * kGiB);
  machine.in_groups("0::/user/job\n").group2("/user/job", std::to_string(8 * kGiB), 3 * kGiB, 1 * kGiB);
  CHECK(machine.available() == 6 * kGiB);
  machine.group2("/user/job", "max", 3 * kGiB, 0);
  CHECK(machine.available() == 20 * kGiB);
}

TEST_CASE("the tightest of the groups around counts, and the machine itself") {
  Machine machine(20 * kGiB);
  machine.in_groups("0::/user/job\n")
      .group2("/user/job", std::to_string(8 * kGiB), 1 * kGiB, 0)
      .group2("/user", std::to_string(4 * kGiB), 3 * kGiB, 0);
  CHECK(machine.available() == 1 * kGiB);
  machine.group2("/user", std::to_string(2 * kGiB), 3 * kGiB, 0);
  CHECK(machine.available() == 0);
}

TEST_CASE("in a container whose path is the host's, the mount is the group") {
  Machine machine(20 * kGiB);
  machine.in_groups("0::/docker/0123\n").group2("", std::to_string(2 * kGiB), kGiB, 0);
  CHECK(machine.available() == kGiB);
}

TEST_CASE("version 1 by its own file names, also where version 2 is mounted beside it") {
  Machine machine(20 * kGiB);
  machine.in_groups("5:cpu,cpuacct:/x\n4:memory:/job\n0::/\n").group1("/job", 6 * kGiB, 5 * kGiB, 2 * kGiB);
  CHECK(machine.available() == 3 * kGiB);
  machine.group1("/job", 9223372036854771712U, 5 * kGiB, 0);
  CHECK(machine.available() == 20 * kGiB);
}
