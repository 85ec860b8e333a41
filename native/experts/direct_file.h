// A model file read past the system's page cache, straight into aligned memory, where the file system can do that (else
// in the ordinary way).
#pragma once

#include <cstdint>
#include <string>

#include "base/system_file.h"

namespace moeflow {

// Offsets, lengths and addresses of direct reads are multiples of this.
inline constexpr uint64_t kDirectAlignment = 4096;

inline uint64_t align_down(uint64_t n) { return n / kDirectAlignment * kDirectAlignment; }
inline uint64_t align_up(uint64_t n) { return align_down(n + kDirectAlignment - 1); }

// What is still to come of a read. All aligned but `needed`: so many of the bytes must exist, as the file may end
// within the last block.
struct DirectRead {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t needed = 0;
  uint8_t* to = nullptr;
};

class DirectFile {
 public:
  // Throws Error(kIo) naming the path and the system's reason.
  explicit DirectFile(const std::string& path) : file_(path, FileAccess::kDirect) {}

  // Throws Error(kIo) naming file and offset: the system's reason, that the file ends there, or that it has changed
  // since it was opened. Safe to call from several threads at once.
  void read(DirectRead read) const;

  // For who reads by other means. After the system gave `got` bytes: goes on to what is still to come, which is nothing
  // when `needed` is 0, or throws as read() does. Then check_unchanged() with the first offset.
  void advance(DirectRead& read, uint64_t got) const;
  const SystemFile& file() const { return file_; }

 private:
  SystemFile file_;
};

}  // namespace moeflow
