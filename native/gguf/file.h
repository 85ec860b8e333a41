// A file of a model, read through the system's page cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/system_file.h"

namespace moeflow::gguf {

class File {
 public:
  // Error(kIo), with the path and the system's reason, if it cannot be opened or is not a regular file.
  explicit File(const std::string& path) : file_(path, FileAccess::kCached) {}

  const std::string& path() const { return file_.path(); }
  uint64_t bytes() const { return file_.bytes(); }  // when it was opened

  // Fills all of `into` from `offset` on, or throws Error(kIo) naming the file and the offset. Safe to call from
  // several threads at once.
  void read_at(uint64_t offset, std::span<std::byte> into) const;

 private:
  SystemFile file_;
};

}  // namespace moeflow::gguf
