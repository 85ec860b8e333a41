#include "gguf/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace moeflow::gguf {
namespace {

static_assert(sizeof(off_t) == 8, "model files are larger than 2 GiB: build with 64-bit file offsets");

// One read call is kept below what every system accepts (macOS and Linux stop at 2 GiB).
constexpr size_t kMaxReadBytes = size_t{1} << 30;

std::string reason(int error_number) { return std::generic_category().message(error_number); }

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

int open_for_reading(const std::string& path) {
  // Without O_NONBLOCK, opening a pipe would wait for a writer. It means nothing to a regular file.
  int descriptor;
  do {
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) fail(ErrorCode::kIo, "cannot open ", path, ": ", reason(errno));
  return descriptor;
}

}  // namespace

File::File(const std::string& path) : path_(path) {
  if (path.find('\0') != std::string::npos) {
    fail(ErrorCode::kInvalidArgument, "a file path must not contain a zero byte: ", path.c_str());
  }
  const int descriptor = open_for_reading(path);
  struct stat status;
  if (::fstat(descriptor, &status) != 0) {
    const int error_number = errno;
    ::close(descriptor);
    fail(ErrorCode::kIo, "cannot read the size of ", path, ": ", reason(error_number));
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(descriptor);
    fail(ErrorCode::kIo, "cannot read ", path, ": it is ", kind_of(status.st_mode), ", not a file");
  }
  descriptor_ = descriptor;
  bytes_ = static_cast<uint64_t>(status.st_size);
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), bytes_(other.bytes_) {}

File& File::operator=(File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void File::read_at(uint64_t offset, std::span<std::byte> into) const {
  while (!into.empty()) {
    const ssize_t got =
        ::pread(descriptor_, into.data(), std::min(into.size(), kMaxReadBytes), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      fail(ErrorCode::kIo, "cannot read ", path_, " at byte ", offset, ": ", reason(errno));
    }
    if (got == 0) {
      fail(ErrorCode::kIo, "cannot read ", path_, " at byte ", offset, ": the file ends there, ", into.size(),
           " bytes short (it had ", bytes_, " bytes when it was opened)");
    }
    offset += static_cast<uint64_t>(got);
    into = into.subspan(static_cast<size_t>(got));
  }
}

}  // namespace moeflow::gguf
