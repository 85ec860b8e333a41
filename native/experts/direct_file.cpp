#include "experts/direct_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace moeflow {
namespace {

std::string reason(int error_number) { return std::generic_category().message(error_number); }

int64_t modified_nanoseconds(const struct stat& status) {
#ifdef __APPLE__
  const timespec& time = status.st_mtimespec;
#else
  const timespec& time = status.st_mtim;
#endif
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

int open_descriptor(const std::string& path, int more_flags) {
  int descriptor;
  do {
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | more_flags);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

}  // namespace

DirectFile::DirectFile(const std::string& path) : path_(path) {
#ifdef O_DIRECT
  descriptor_ = open_descriptor(path, O_DIRECT);  // EINVAL where the file system has no such thing
#endif
  if (descriptor_ < 0) descriptor_ = open_descriptor(path, 0);
  if (descriptor_ < 0) fail(ErrorCode::kIo, "cannot open ", path, ": ", reason(errno));
#ifdef F_NOCACHE
  ::fcntl(descriptor_, F_NOCACHE, 1);
#endif
  struct stat status;
  if (::fstat(descriptor_, &status) != 0) {
    const int error_number = errno;
    ::close(descriptor_);
    fail(ErrorCode::kIo, "cannot read the size of ", path, ": ", reason(error_number));
  }
  size_ = status.st_size;
  modified_ = modified_nanoseconds(status);
}

DirectFile::~DirectFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

DirectFile::DirectFile(DirectFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      modified_(other.modified_) {}

void DirectFile::check_unchanged(uint64_t offset) const {
  struct stat status;
  if (::fstat(descriptor_, &status) != 0) fail(ErrorCode::kIo, "cannot read ", path_, ": ", reason(errno));
  if (status.st_size != size_ || modified_nanoseconds(status) != modified_) {
    fail(ErrorCode::kIo, "cannot read ", path_, " at byte ", offset,
         ": the file has changed since it was opened; load the model again");
  }
}

void DirectFile::read(uint64_t offset, uint64_t bytes, uint64_t needed, uint8_t* to) const {
  const uint64_t begin = offset;
  while (needed > 0) {
    const ssize_t got = ::pread(descriptor_, to, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(ErrorCode::kIo, "cannot read ", path_, " at byte ", offset, ": ", reason(errno));
    const auto read = static_cast<uint64_t>(got);
    if (read >= needed) break;
    // The system may stop early at any block; within one, only the end of the file does that.
    const uint64_t whole = align_down(read);
    if (whole == 0) {
      fail(ErrorCode::kIo, "cannot read ", path_, " at byte ", offset + read, ": the file ends there, ", needed - read,
           " bytes short (it had ", size_, " bytes when it was opened)");
    }
    offset += whole;
    to += whole;
    bytes -= whole;
    needed -= whole;
  }
  check_unchanged(begin);
}

}  // namespace moeflow
