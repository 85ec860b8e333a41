#include "gguf/file.h"

#include "base/error.h"

namespace moeflow::gguf {

void File::read_at(uint64_t offset, std::span<std::byte> into) const {
  while (!into.empty()) {
    const size_t got = file_.read_some(offset, into);
    if (got == 0) {
      fail(ErrorCode::kIo, "cannot read ", path(), " at byte ", offset, ": the file ends there, ", into.size(),
           " bytes short (it had ", bytes(), " bytes when it was opened)");
    }
    offset += got;
    into = into.subspan(got);
  }
}

}  // namespace moeflow::gguf
