#include "experts/direct_file.h"

#include "base/error.h"

namespace moeflow {

void DirectFile::advance(DirectRead& read, uint64_t got) const {
  if (got >= read.needed) {
    read.needed = 0;
    return;
  }
  // The system may stop early at any block; within one, only the end of the file does that.
  const uint64_t whole = align_down(got);
  if (whole == 0) {
    fail(ErrorCode::kIo, "cannot read ", file_.path(), " at byte ", read.offset + got, ": the file ends there, ",
         read.needed - got, " bytes short (it had ", file_.bytes(), " bytes when it was opened)");
  }
  read.offset += whole;
  read.to += whole;
  read.bytes -= whole;
  read.needed -= whole;
}

void DirectFile::read(DirectRead read) const {
  const uint64_t begin = read.offset;
  while (read.needed > 0)
    advance(read, file_.read_some(read.offset, {reinterpret_cast<std::byte*>(read.to), read.bytes}));
  file_.check_unchanged(begin);
}

}  // namespace moeflow
