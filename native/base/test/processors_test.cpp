// Quotas as the files of control groups tell them, in their formats as the kernel's documentation has them
// (scheduler/sched-bwc, cgroup-v2).
#include "base/processors.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "gguf/test/temporary_directory.h"

using namespace moeflow;

namespace {

class Machine {
 public:
  Machine& write(const std::string& path, const std::string& content) {
    const std::string file = directory_.at(path.substr(1));
    std::filesystem::create_directories(file.substr(0, file.find_last_of('/')));
    directory_.write(path.substr(1), content);
    return *this;
  }
  Machine& in_groups(const std::string& lines) { return write("/proc/self/cgroup", lines); }
  Machine& group1(const std::string& path, const std::string& quota) {
    write("/sys/fs/cgroup/cpu" + path + "/cpu.cfs_period_us", "100000\n");
    return write("/sys/fs/cgroup/cpu" + path + "/cpu.cfs_quota_us", quota + "\n");
  }
  Machine& group2(const std::string& path, const std::string& quota) {
    return write("/sys/fs/cgroup" + path + "/cpu.max", quota + " 100000\n");
  }
  int quota() const { return processor_quota(directory_.path()); }

 private:
  gguf::test::TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("without control groups, and in groups without a limit, there is no quota") {
  CHECK(Machine().quota() == 0);
  CHECK(Machine().in_groups("0::/job\n").quota() == 0);
  CHECK(Machine().in_groups("0::/job\n").group2("/job", "max").quota() == 0);
  CHECK(Machine().in_groups("3:cpu,cpuacct:/job\n").group1("/job", "-1").quota() == 0);
  CHECK(usable_processors() >= 1);
}

TEST_CASE("version 2: a part of a processor counts as one, and the tightest of the groups around counts") {
  Machine machine;
  machine.in_groups("0::/user/job\n").group2("/user/job", "350000");
  CHECK(machine.quota() == 4);
  machine.group2("/user", "200000");
  CHECK(machine.quota() == 2);
  machine.group2("/user", "max").group2("", "1000");
  CHECK(machine.quota() == 1);
}

TEST_CASE("version 1 by its own file names; in a container whose path is the host's, the mount is the group") {
  CHECK(Machine().in_groups("3:cpu,cpuacct:/job\n0::/\n").group1("/job", "250000").quota() == 3);
  CHECK(Machine().in_groups("3:cpu,cpuacct:/docker/0123\n").group1("", "250000").quota() == 3);
}
