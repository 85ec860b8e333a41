// The memory read bandwidth of this machine, the roof under which decoding runs.
#pragma once

namespace moeflow {

// Bytes per second that `threads` threads read together from memory too large for the caches (2 GiB in all): the best
// of several passes. Takes a second or two.
double measure_read_bandwidth(int threads);

}  // namespace moeflow
