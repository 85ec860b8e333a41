// The one error type of the native core. Every failure that input can cause is thrown as Error, with a code that the
// addon passes on to JavaScript and a message that says what is wrong, where, and what to do about it.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace moeflow {

enum class ErrorCode {
  kInvalidArgument,  // a caller's argument is wrong
  kInvalidFile,      // the model file is damaged or contradicts itself
  kUnsupported,      // the file is sound, but asks for what moeflow does not do
  kIo,               // the operating system refused or broke off
  kOutOfMemory,      // memory could not be had
  kContextFull,      // a sequence would grow past its context length
  kKvCacheFull,      // there is no block left in the key/value cache
  kCancelled,        // the caller cancelled
  kDisposed,         // used after dispose
  kInternal,         // an invariant of ours does not hold: a bug
};

// The name that JavaScript sees as error.code.
const char* error_code_name(ErrorCode code);

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

// Throws an Error whose message is the parts written one after another.
template <typename... Parts>
[[noreturn]] void fail(ErrorCode code, const Parts&... parts) {
  throw Error(code, concat(parts...));
}

// For our own invariants, on in release too: a broken one becomes an exception, never a dead process.
#define MOEFLOW_CHECK(condition)                                                                              \
  do {                                                                                                        \
    if (!(condition))                                                                                         \
      ::moeflow::fail(::moeflow::ErrorCode::kInternal, "internal error: ", #condition, " at ", __FILE__, ":", \
                      __LINE__, "; please report it");                                                        \
  } while (0)

}  // namespace moeflow
