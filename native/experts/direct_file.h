// A model file read past the system's page cache, straight into aligned memory, where the file system can do that (else
// in the ordinary way).
#pragma once

#include <cstdint>
#include <string>

namespace moeflow {

// Offsets, lengths and addresses of direct reads are multiples of this.
inline constexpr uint64_t kDirectAlignment = 4096;

inline uint64_t align_down(uint64_t n) { return n / kDirectAlignment * kDirectAlignment; }
inline uint64_t align_up(uint64_t n) { return align_down(n + kDirectAlignment - 1); }

class DirectFile {
 public:
  // Throws Error(kIo) naming the path and the system's reason.
  explicit DirectFile(const std::string& path);
  ~DirectFile();
  DirectFile(DirectFile&& other) noexcept;
  DirectFile& operator=(DirectFile&&) = delete;

  // Reads `bytes` from `offset` on; all aligned. Only the first `needed` must exist: the file may end within the last
  // block. Throws Error(kIo) naming file and offset: the system's reason, that the file ends there, or that it has
  // changed since it was opened. Safe to call from several threads at once.
  void read(uint64_t offset, uint64_t bytes, uint64_t needed, uint8_t* to) const;

 private:
  void check_unchanged(uint64_t offset) const;

  std::string path_;
  int descriptor_ = -1;
  int64_t size_ = 0;
  int64_t modified_ = 0;  // nanoseconds
};

}  // namespace moeflow
