#include "base/error.h"

namespace moeflow {

const char* error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "INVALID_ARGUMENT";
    case ErrorCode::kInvalidFile: return "INVALID_FILE";
    case ErrorCode::kUnsupported: return "UNSUPPORTED";
    case ErrorCode::kIo: return "IO";
    case ErrorCode::kOutOfMemory: return "OUT_OF_MEMORY";
    case ErrorCode::kContextFull: return "CONTEXT_FULL";
    case ErrorCode::kKvCacheFull: return "KV_CACHE_FULL";
    case ErrorCode::kCancelled: return "CANCELLED";
    case ErrorCode::kDisposed: return "DISPOSED";
    case ErrorCode::kInternal: return "INTERNAL";
  }
  return "INTERNAL";
}

}  // namespace moeflow
