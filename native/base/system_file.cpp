// What does not depend on the system.
#include "base/system_file.h"

#include <system_error>
#include <utility>

#include "base/error.h"

namespace moeflow {

SystemFile::~SystemFile() { close(); }

void SystemFile::fail_read(uint64_t offset, int error_number) const {
  fail(ErrorCode::kIo, "cannot read ", path_, " at byte ", offset, ": ", std::system_category().message(error_number));
}

void SystemFile::check_unchanged(uint64_t offset) const {
  const Status now = status();
  if (now.bytes == bytes_ && now.modified == modified_) return;
  fail(ErrorCode::kIo, "cannot read ", path_, " at byte ", offset,
       ": the file has changed since it was opened; load the model again");
}

}  // namespace moeflow
