// How fast a device gives what it is asked for, in the way that experts are read.
#pragma once

#include <atomic>
#include <string>

#include "experts/read_queue.h"

namespace moeflow {

struct ReadSpeed {
  double bytes_per_second = 0;
  std::string backend;  // as ReadQueue::backend
};

// Reads pieces all over the file, at places that differ from call to call, `options.depth` of `options.bytes` at once,
// until `seconds` are over and the last of them have come. Throws as ReadQueue does, Error(kInvalidArgument) when the
// file is smaller than a piece or the pieces take more than 256 MiB, Error(kCancelled) once `cancelled` is set.
ReadSpeed measure_reads(const std::string& path, const ReadOptions& options, double seconds,
                        const std::atomic<bool>& cancelled);

}  // namespace moeflow
