// A file that is open for reading. The only place of this room that talks to the operating system's file calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace moeflow::gguf {

class File {
 public:
  // Error(kIo), with the path and the system's reason, if it cannot be opened or is not a regular file.
  explicit File(const std::string& path);
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;

  const std::string& path() const { return path_; }
  uint64_t bytes() const { return bytes_; }  // when it was opened

  // Fills all of `into` from `offset` on, or throws Error(kIo) naming the file and the offset. Safe to call from
  // several threads at once.
  void read_at(uint64_t offset, std::span<std::byte> into) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  uint64_t bytes_ = 0;
};

}  // namespace moeflow::gguf
