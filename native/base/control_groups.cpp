#include "base/control_groups.h"

#include <fstream>
#include <sstream>

namespace moeflow {
namespace {

// The group at `path` below `mount` and all around it. In a container the path may be that of the host: then there is
// no such directory, and the mount itself is the group.
void add_way_up(const std::string& mount, std::string path, int version, std::vector<ControlGroup>& groups) {
  while (!path.empty() && path != "/") {
    groups.push_back({version, mount + path});
    path.resize(path.find_last_of('/'));
  }
  groups.push_back({version, mount});
}

bool names(const std::string& controllers, const std::string& controller) {
  std::istringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');) {
    if (name == controller) return true;
  }
  return false;
}

}  // namespace

std::vector<ControlGroup> control_groups(const std::string& controller, const std::string& root) {
  std::vector<ControlGroup> groups;
  const std::string mount = root + "/sys/fs/cgroup";
  const std::string mount_of_controller = mount + "/" + controller;  // version 1 has one for each
  std::ifstream lines(root + "/proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {  // number:controllers:path
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (!path.empty() && path.front() != '/') continue;
    if (controllers.empty()) {
      add_way_up(mount, path, 2, groups);
    } else if (names(controllers, controller)) {
      add_way_up(mount_of_controller, path, 1, groups);
    }
  }
  return groups;
}

std::optional<uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  uint64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

}  // namespace moeflow
