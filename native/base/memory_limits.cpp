#include "base/memory_limits.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>

#include "base/control_groups.h"

namespace moeflow {
namespace {

constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();
// Version 1 writes "no limit" as the largest multiple of a page below 2^63.
constexpr uint64_t kNoLimit = uint64_t{1} << 62;

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

}  // namespace

uint64_t available_memory(const std::string& root) {
  uint64_t room = entry(root + "/proc/meminfo", "MemAvailable:") * 1024;
  if (room == 0) return 0;
  for (const ControlGroup& group : control_groups("memory", root)) {
    room = std::min(room, room_in(group.directory, group.version == 1 ? kVersion1 : kVersion2));
  }
  return room;
}

}  // namespace moeflow
