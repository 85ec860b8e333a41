// Runs something that must throw an Error of one code, and gives its message.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "base/error.h"

namespace moeflow::gguf::test {

template <typename Action>
std::string error_of(ErrorCode code, Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK_MESSAGE(error.code() == code, error.what());
    return error.what();
  }
  FAIL_CHECK("no error was thrown");
  return "";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace moeflow::gguf::test

// The message must hold a part; when it does not, both are shown.
#define CHECK_SAYS(message, part) CHECK_MESSAGE(::moeflow::gguf::test::contains(message, part), message)
