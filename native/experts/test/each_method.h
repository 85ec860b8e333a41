// Runs a test once for each way of reading that works here.
#pragma once

#include <doctest/doctest.h>

#include "experts/read_backend/ring.h"
#include "experts/read_queue.h"

namespace moeflow::test {

// Once per test case, as it makes subcases.
inline ReadMethod each_method() {
  ReadMethod method = ReadMethod::kThreads;
  SUBCASE("threads") {}
  if (Ring::open(1)) {
    SUBCASE("io_uring") { method = ReadMethod::kIoUring; }
  }
  return method;
}

}  // namespace moeflow::test
