#include "base/memory_limits.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>

namespace moeflow {
namespace {

constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();
// Version 1 writes "no limit" as the largest multiple of a page below 2^63.
constexpr uint64_t kNoLimit = uint64_t{1} << 62;

std::optional<uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  uint64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;  // no such file, or "max"
}

// The number behind `key` in a file of lines "key number".
uint64_t entry(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string name;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    uint64_t number = 0;
    if (words >> name >> number && name == key) return number;
  }
  return 0;
}

// What one kind of control group calls its files.
struct GroupFiles {
  const char* limit;
  const char* usage;
  const char* prefix;  // of the entries of memory.stat that count enclosed groups too
};
constexpr GroupFiles kVersion1 = {"/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_"};
constexpr GroupFiles kVersion2 = {"/memory.max", "/memory.current", ""};

uint64_t room_in(const std::string& group, const GroupFiles& files) {
  const std::optional<uint64_t> limit = number_in(group + files.limit);
  const std::optional<uint64_t> usage = number_in(group + files.usage);
  if (!limit || !usage || *limit >= kNoLimit) return kUnlimited;
  const std::string stat = group + "/memory.stat";
  const uint64_t cached =
      entry(stat, std::string(files.prefix) + "inactive_file") + entry(stat, std::string(files.prefix) + "active_file");
  const uint64_t used = *usage - std::min(*usage, cached);
  return *limit - std::min(*limit, used);
}

// In the group at `path` below `mount` and all around it. In a container the path may be that of the host: then there
// is no such directory, and the mount itself is the group.
uint64_t room_on_the_way(const std::string& mount, std::string path, const GroupFiles& files) {
  uint64_t room = kUnlimited;
  while (!path.empty() && path != "/") {
    room = std::min(room, room_in(mount + path, files));
    path.resize(path.find_last_of('/'));
  }
  return std::min(room, room_in(mount, files));
}

bool names_memory(const std::string& controllers) {
  std::istringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');) {
    if (name == "memory") return true;
  }
  return false;
}

}  // namespace

uint64_t available_memory(const std::string& root) {
  uint64_t room = entry(root + "/proc/meminfo", "MemAvailable:") * 1024;
  if (room == 0) return 0;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // number:controllers:path
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    const std::string mount = root + "/sys/fs/cgroup";
    if (controllers.empty()) {
      room = std::min(room, room_on_the_way(mount, path, kVersion2));
    } else if (names_memory(controllers)) {
      room = std::min(room, room_on_the_way(mount + "/memory", path, kVersion1));
    }
  }
  return room;
}

}  // namespace moeflow
