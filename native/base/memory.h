// Page-aligned memory of our own. Large buffers ask for huge pages: streaming weights through 4 KiB pages costs a page
// walk every 64 cache lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace moeflow {

// a * b, or an Error(kInvalidFile) that names `what` when it does not fit in 63 bits.
uint64_t checked_multiply(uint64_t a, uint64_t b, const char* what);

// Owns zeroed memory from the operating system; frees it at once when destroyed.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // Throws Error(kOutOfMemory), which says for what and how much.
  AlignedBuffer(size_t bytes, const char* purpose);
  ~AlignedBuffer() { release(); }
  AlignedBuffer(AlignedBuffer&& other) noexcept { swap(other); }
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;

  size_t size() const { return size_; }
  uint8_t* bytes() const { return data_; }
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }

  // Makes room for at least `bytes`, dropping the contents when it has to grow.
  void reserve(size_t bytes, const char* purpose) {
    if (bytes > size_) {
      release();
      *this = AlignedBuffer(bytes, purpose);
    }
  }
  void release();

 private:
  void swap(AlignedBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// Bytes of this process that are resident in memory now; 0 where the system does not tell.
uint64_t resident_bytes();

}  // namespace moeflow
