#ifdef _WIN32

#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/system_file.h"

namespace moeflow {
namespace {

constexpr size_t kMaxReadBytes = size_t{1} << 30;

std::string reason(DWORD error) { return std::system_category().message(static_cast<int>(error)); }

// From UTF-8.
std::wstring wide(const std::string& text) {
  const int length = static_cast<int>(std::min<size_t>(text.size(), 1 << 20));
  const int units = ::MultiByteToWideChar(CP_UTF8, 0, text.data(), length, nullptr, 0);
  std::wstring result(static_cast<size_t>(units), L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, text.data(), length, result.data(), units);
  return result;
}

// What a read of a handle that is open for overlapped use is waited for with: one per thread, as each thread waits for
// its own.
class Event {
 public:
  Event() : handle_(::CreateEventW(nullptr, TRUE, FALSE, nullptr)) {}
  ~Event() {
    if (handle_) ::CloseHandle(handle_);
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  HANDLE handle() const { return handle_; }

 private:
  HANDLE handle_;
};

HANDLE open_handle(const std::string& path, DWORD more_flags) {
  // Overlapped, or the system carries out one read of the handle after the other.
  return ::CreateFileW(wide(path).c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                       nullptr, OPEN_EXISTING, FILE_FLAG_OVERLAPPED | more_flags, nullptr);
}

}  // namespace

SystemFile::SystemFile(const std::string& path, FileAccess access) : path_(path) {
  if (path.find('\0') != std::string::npos) {
    fail(ErrorCode::kInvalidArgument, "a file path must not contain a zero byte: ", path.c_str());
  }
  HANDLE handle = INVALID_HANDLE_VALUE;
  if (access == FileAccess::kDirect) handle = open_handle(path, FILE_FLAG_NO_BUFFERING);
  if (handle == INVALID_HANDLE_VALUE) handle = open_handle(path, 0);
  if (handle == INVALID_HANDLE_VALUE) fail(ErrorCode::kIo, "cannot open ", path, ": ", reason(::GetLastError()));
  handle_ = handle;
  try {
    if (::GetFileType(handle) != FILE_TYPE_DISK)
      fail(ErrorCode::kIo, "cannot read ", path, ": it is a pipe or a device, not a file");
    const Status found = status();
    bytes_ = found.bytes;
    modified_ = found.modified;
  } catch (...) {
    close();
    throw;
  }
}

SystemFile::SystemFile(SystemFile&& other) noexcept
    : path_(std::move(other.path_)),
      handle_(std::exchange(other.handle_, nullptr)),
      bytes_(other.bytes_),
      modified_(other.modified_) {}

SystemFile& SystemFile::operator=(SystemFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(handle_, other.handle_);
  std::swap(bytes_, other.bytes_);
  std::swap(modified_, other.modified_);
  return *this;
}

void SystemFile::close() noexcept {
  if (handle_) ::CloseHandle(handle_);
  handle_ = nullptr;
}

SystemFile::Status SystemFile::status() const {
  BY_HANDLE_FILE_INFORMATION found;
  if (!::GetFileInformationByHandle(handle_, &found))
    fail(ErrorCode::kIo, "cannot read the size of ", path_, ": ", reason(::GetLastError()));
  const auto join = [](DWORD high, DWORD low) { return (uint64_t{high} << 32) | low; };
  return {join(found.nFileSizeHigh, found.nFileSizeLow),
          static_cast<int64_t>(join(found.ftLastWriteTime.dwHighDateTime, found.ftLastWriteTime.dwLowDateTime))};
}

size_t SystemFile::read_some(uint64_t offset, std::span<std::byte> into) const {
  thread_local const Event event;
  if (!event.handle()) fail_read(offset, ERROR_NOT_ENOUGH_MEMORY);
  OVERLAPPED place = {};
  place.Offset = static_cast<DWORD>(offset & 0xFFFFFFFFU);
  place.OffsetHigh = static_cast<DWORD>(offset >> 32);
  place.hEvent = event.handle();
  DWORD got = 0;
  DWORD error = ERROR_SUCCESS;
  if (!::ReadFile(handle_, into.data(), static_cast<DWORD>(std::min(into.size(), kMaxReadBytes)), nullptr, &place))
    error = ::GetLastError();
  // The system writes into the caller's memory: never return before it has finished.
  if (error == ERROR_SUCCESS || error == ERROR_IO_PENDING)
    error = ::GetOverlappedResult(handle_, &place, &got, TRUE) ? ERROR_SUCCESS : ::GetLastError();
  if (error == ERROR_HANDLE_EOF) return 0;
  if (error != ERROR_SUCCESS) fail_read(offset, static_cast<int>(error));
  return got;
}

}  // namespace moeflow

#endif
