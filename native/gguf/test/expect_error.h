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

// The message must hold a part; when it does not, both are shown. It is computed once, before doctest's reporter is
// locked: a message may come from an action that itself reports a failure.
#define CHECK_SAYS(message, part)                                                          \
  do {                                                                                     \
    const std::string said_message = (message);                                            \
    const std::string said_part = (part);                                                  \
    CHECK_MESSAGE(::moeflow::gguf::test::contains(said_message, said_part), said_message); \
  } while (false)
