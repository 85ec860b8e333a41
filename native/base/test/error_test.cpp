#include "base/error.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace moeflow;

TEST_CASE("every code has a name of its own, the one that JavaScript sees") {
  std::set<std::string> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    names.insert(error_code_name(static_cast<ErrorCode>(code)));
  }
  CHECK(names == std::set<std::string>{"INVALID_ARGUMENT", "INVALID_FILE", "UNSUPPORTED", "IO", "OUT_OF_MEMORY",
                                       "CONTEXT_FULL", "KV_CACHE_FULL", "CANCELLED", "DISPOSED", "INTERNAL"});
}

TEST_CASE("an error carries its code and the parts of its message") {
  try {
    fail(ErrorCode::kUnsupported, "tensor ", std::string("t"), " has ", 3, " of ", uint64_t{1} << 40);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kUnsupported);
    CHECK(std::string(error.what()) == "tensor t has 3 of 1099511627776");
  }
}

TEST_CASE("a broken invariant is an exception that names it, not the end of the process") {
  const auto check = [](int n) { MOEFLOW_CHECK(n > 0); };
  check(1);
  try {
    check(0);
    FAIL("no error was thrown");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kInternal);
    CHECK(std::string(error.what()).find("n > 0 at ") != std::string::npos);
  }
}
