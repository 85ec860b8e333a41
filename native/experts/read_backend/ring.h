// The kernel's io_uring, as far as reading needs it: two rings of memory shared with the kernel, one for what it is
// asked to do, one for what it has done. For one thread. There is none but on Linux, and not on every one: kernels
// before 5.6 lack something, containers often forbid it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "experts/direct_file.h"

namespace moeflow {

class Ring {
 public:
  // What a request became: a number of bytes, or an error number below zero.
  struct Completion {
    uint64_t tag = 0;
    int32_t result = 0;
  };

  // For up to `requests` under way at once, 1 to 4096. Null where the system has no such thing or does not allow it.
  static std::unique_ptr<Ring> open(unsigned requests);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Prepare requests for enter(). The memory must stay until the completion; `tag` comes back with it.
  void read(const SystemFile& file, const DirectRead& read, uint64_t tag);
  void wait_readable(int descriptor, uint64_t tag);

  // Hands over what was prepared and sleeps until something is completed. Returns an error number, 0 if all went well.
  // After an error something prepared may not have been taken.
  int enter();
  // The tags of what was prepared and not taken; it is forgotten.
  std::vector<uint64_t> take_back();

  // The next completion; false when there is none yet.
  bool next(Completion& completion);

 private:
  Ring() = default;
  bool map(unsigned requests);
  bool works();
  void* prepare();

  int descriptor_ = -1;
  void* rings_ = nullptr;
  size_t rings_bytes_ = 0;
  void* requests_ = nullptr;
  size_t requests_bytes_ = 0;
  // Into the shared memory.
  uint32_t* asked_head_ = nullptr;  // the kernel's: so far it has taken
  uint32_t* asked_tail_ = nullptr;  // ours: so far there are requests
  uint32_t asked_mask_ = 0;
  uint32_t* done_head_ = nullptr;  // ours: so far we have taken
  uint32_t* done_tail_ = nullptr;  // the kernel's
  uint32_t done_mask_ = 0;
  const void* done_ = nullptr;
};

}  // namespace moeflow
