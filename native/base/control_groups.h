// The control groups (versions 1 and 2) that limit this process, and the numbers in their files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace moeflow {

struct ControlGroup {
  int version = 2;  // the versions call their files by different names
  std::string directory;
};

// Those that may limit `controller` (as in "memory" or "cpu"): the process' own and all around them. Empty where the
// system has none. `root` stands before /proc and /sys, for tests.
std::vector<ControlGroup> control_groups(const std::string& controller, const std::string& root);

// The number that a file begins with; none if there is no such file, or something else, as in "max".
std::optional<uint64_t> number_in(const std::string& path);

}  // namespace moeflow
