#include "base/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <limits>

#include "base/error.h"

namespace moeflow {

uint64_t checked_multiply(uint64_t a, uint64_t b, const char* what) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product) || product > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    fail(ErrorCode::kInvalidFile, what, ": ", a, " x ", b, " overflows");
  }
  return product;
}

namespace {
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kPage = 4096;
size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }
}  // namespace

AlignedBuffer::AlignedBuffer(size_t bytes, const char* purpose) {
  if (bytes == 0) return;
  const size_t mapped = round_up(bytes, kPage);
  void* memory = MAP_FAILED;
  if (mapped >= bytes) memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    fail(ErrorCode::kOutOfMemory, "out of memory: ", bytes, " bytes for ", purpose,
         " could not be allocated; use a smaller model or context");
  }
#ifdef MADV_HUGEPAGE
  if (mapped >= kHugePage) madvise(memory, mapped, MADV_HUGEPAGE);
#endif
  data_ = static_cast<uint8_t*>(memory);
  size_ = mapped;
}

void AlignedBuffer::release() {
  if (data_) munmap(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

uint64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (!file) return 0;
  unsigned long long total = 0;
  unsigned long long resident = 0;
  const int read = std::fscanf(file, "%llu %llu", &total, &resident);
  std::fclose(file);
  return read == 2 ? resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace moeflow
