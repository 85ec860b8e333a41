// The kernel sets that this machine can run, and the comparison that their promise needs.
#pragma once

#include <cmath>
#include <cstring>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace moeflow::test {

inline std::vector<const KernelSet*> usable_sets() {
  std::vector<const KernelSet*> sets;
  std::istringstream names(available_kernels());
  for (std::string name; std::getline(names, name, ',');) {
    sets.push_back(&select_kernels(name.c_str() + name.find_first_not_of(' ')));
  }
  return sets;
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

}  // namespace moeflow::test
