// The tiny models that tests of tiers run: in floats, quantised, and with layers that have no experts.
#pragma once

#include <vector>

#include "engine/test/engine_runs.h"

namespace moeflow::test {

inline std::vector<TinyOptions> models() {
  std::vector<TinyOptions> all(3);
  all[1].q8_0 = true;
  all[2].q8_0 = true;
  all[2].architecture = "deepseek2";  // shared experts
  all[2].layers = 3;
  all[2].leading_dense = 1;
  return all;
}

}  // namespace moeflow::test
