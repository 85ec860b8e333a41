// How many processors this process may use.
#pragma once

#include <string>

namespace moeflow {

// By affinity and by the quotas of control groups, at least 1.
int usable_processors();

// What the control groups' quotas leave, rounded up; 0 where there is no quota. `root` as for control_groups().
int processor_quota(const std::string& root = "");

}  // namespace moeflow
