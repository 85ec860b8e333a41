// Choosing a kernel set: the fastest that the machine can run, or one by name.
#include <doctest/doctest.h>

#include <string>

#include "gguf/test/expect_error.h"
#include "kernels/test/kernel_sets.h"

using namespace moeflow;
using namespace moeflow::test;

TEST_CASE("every usable set is found by its name, and the fastest without one") {
  const std::vector<const KernelSet*> sets = usable_sets();
  REQUIRE(sets.size() >= 2);
  for (const KernelSet* set : sets) CHECK(&select_kernels(set->name) == set);
  CHECK(&select_kernels("") == sets.front());
  CHECK(&select_kernels(nullptr) == sets.front());
}

TEST_CASE("portable and reference are usable everywhere, and only the reference leaves activations alone") {
  CHECK(std::string(select_kernels("portable").name) == "portable");
  CHECK(std::string(usable_sets().back()->name) == "reference");
  for (const KernelSet* set : usable_sets())
    CHECK(set->quantizes_activations == (std::string(set->name) != "reference"));
}

TEST_CASE("a set that is unknown or not for this machine is refused, and the usable ones are named") {
  for (const char* name : {"sse9", "AVX2", "portable ", "avx2, portable"}) {
    const std::string message = gguf::test::error_of(ErrorCode::kInvalidArgument, [&] { select_kernels(name); });
    CHECK_SAYS(message, name);
    CHECK_SAYS(message, available_kernels());
  }
}
