// A file that is open for reading: the one place that talks to the operating system's file calls. system_file_posix.cpp
// and system_file_windows.cpp implement it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace moeflow {

// Through the system's page cache, or past it, straight into the caller's memory, where the file system can do that.
// Past it, offsets, lengths and addresses must be multiples of the file system's blocks.
enum class FileAccess { kCached, kDirect };

class SystemFile {
 public:
  // Error(kIo), with the path and the system's reason, if it cannot be opened or is not a regular file;
  // Error(kInvalidArgument) for a path that holds a zero byte.
  SystemFile(const std::string& path, FileAccess access);
  ~SystemFile();
  SystemFile(SystemFile&& other) noexcept;
  SystemFile& operator=(SystemFile&& other) noexcept;

  const std::string& path() const { return path_; }
  uint64_t bytes() const { return bytes_; }  // when it was opened

  // One call of the system's: how many bytes came, 0 at the end of the file, fewer than asked for at the system's
  // pleasure. Throws Error(kIo) naming file and offset. Safe to call from several threads at once.
  size_t read_some(uint64_t offset, std::span<std::byte> into) const;

  // Throws what read_some does when the system refuses with this error number.
  [[noreturn]] void fail_read(uint64_t offset, int error_number) const;

  // Throws Error(kIo) naming file and offset when size or time of change are not those at opening.
  void check_unchanged(uint64_t offset) const;

#ifndef _WIN32
  int descriptor() const { return descriptor_; }
#endif

 private:
  struct Status {
    uint64_t bytes = 0;
    int64_t modified = 0;  // in the system's smallest unit
  };
  Status status() const;
  void close() noexcept;

  std::string path_;
#ifdef _WIN32
  void* handle_ = nullptr;
#else
  int descriptor_ = -1;
#endif
  uint64_t bytes_ = 0;
  int64_t modified_ = 0;
};

}  // namespace moeflow
