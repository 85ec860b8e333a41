// How much memory this process may still take: what the machine has left, and what control groups (versions 1 and 2,
// own and enclosing ones) allow. Pages of files that the system keeps around count as free, as it gives them up on
// demand.
#pragma once

#include <cstdint>
#include <string>

namespace moeflow {

// In bytes; 0 where the system does not tell. `root` stands before /proc and /sys, for tests.
uint64_t available_memory(const std::string& root = "");

}  // namespace moeflow
