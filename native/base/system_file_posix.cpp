#ifndef _WIN32

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/system_file.h"

namespace moeflow {
namespace {

static_assert(sizeof(off_t) == 8, "model files are larger than 2 GiB: build with 64-bit file offsets");

// One read call is kept below what every system accepts (macOS and Linux stop at 2 GiB).
constexpr size_t kMaxReadBytes = size_t{1} << 30;

std::string reason(int error_number) { return std::system_category().message(error_number); }

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

int open_descriptor(const std::string& path, int more_flags) {
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  int descriptor;
  do {
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | more_flags);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

int open_for(FileAccess access, const std::string& path) {
#ifdef O_DIRECT
  if (access == FileAccess::kDirect) {
    // EINVAL where the file system has no such thing: then in the ordinary way.
    if (const int descriptor = open_descriptor(path, O_DIRECT); descriptor >= 0) return descriptor;
  }
#endif
  const int descriptor = open_descriptor(path, 0);
#ifdef F_NOCACHE  // macOS: what is not in the page cache already goes past it
  if (descriptor >= 0 && access == FileAccess::kDirect) ::fcntl(descriptor, F_NOCACHE, 1);
#endif
  return descriptor;
}

int64_t modified_nanoseconds(const struct stat& status) {
#ifdef __APPLE__
  const timespec& time = status.st_mtimespec;
#else
  const timespec& time = status.st_mtim;
#endif
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

SystemFile::SystemFile(const std::string& path, FileAccess access) : path_(path) {
  if (path.find('\0') != std::string::npos) {
    fail(ErrorCode::kInvalidArgument, "a file path must not contain a zero byte: ", path.c_str());
  }
  descriptor_ = open_for(access, path);
  if (descriptor_ < 0) fail(ErrorCode::kIo, "cannot open ", path, ": ", reason(errno));
  try {
    struct stat found;
    if (::fstat(descriptor_, &found) != 0) fail(ErrorCode::kIo, "cannot read the size of ", path, ": ", reason(errno));
    if (!S_ISREG(found.st_mode))
      fail(ErrorCode::kIo, "cannot read ", path, ": it is ", kind_of(found.st_mode), ", not a file");
    // To a regular file it means nothing, except that io_uring gives up where a read would have to wait.
    const int flags = ::fcntl(descriptor_, F_GETFL);
    if (flags >= 0) ::fcntl(descriptor_, F_SETFL, flags & ~O_NONBLOCK);
    bytes_ = static_cast<uint64_t>(found.st_size);
    modified_ = modified_nanoseconds(found);
  } catch (...) {
    close();
    throw;
  }
}

SystemFile::SystemFile(SystemFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      bytes_(other.bytes_),
      modified_(other.modified_) {}

SystemFile& SystemFile::operator=(SystemFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(bytes_, other.bytes_);
  std::swap(modified_, other.modified_);
  return *this;
}

void SystemFile::close() noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

SystemFile::Status SystemFile::status() const {
  struct stat found;
  if (::fstat(descriptor_, &found) != 0) fail(ErrorCode::kIo, "cannot read ", path_, ": ", reason(errno));
  return {static_cast<uint64_t>(found.st_size), modified_nanoseconds(found)};
}

size_t SystemFile::read_some(uint64_t offset, std::span<std::byte> into) const {
  for (;;) {
    const ssize_t got =
        ::pread(descriptor_, into.data(), std::min(into.size(), kMaxReadBytes), static_cast<off_t>(offset));
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) fail_read(offset, errno);
  }
}

}  // namespace moeflow

#endif
