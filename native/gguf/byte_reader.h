// Reads a header's bytes in order. Nothing is read, copied or allocated before its length has been compared with what
// the file has left.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace moeflow::gguf {

static_assert(std::endian::native == std::endian::little, "GGUF is read as it lies in memory, which is little-endian");

// Thrown when the bytes at hand end before the header does, but the file goes on. parse_header() catches it.
struct NeedsMoreBytes {};

class ByteReader {
 public:
  ByteReader(std::span<const std::byte> bytes, uint64_t file_bytes, const std::string& file_name)
      : bytes_(bytes), file_bytes_(file_bytes), file_name_(file_name) {}

  // What is being read, for messages: "metadata key 3 of 30".
  void enter(std::string context) { context_ = std::move(context); }

  uint64_t position() const { return position_; }
  uint64_t file_bytes() const { return file_bytes_; }
  uint64_t file_bytes_left() const { return file_bytes_ - position_; }
  const std::string& file_name() const { return file_name_; }

  // Error(kInvalidFile): "file: context: message".
  [[noreturn]] void fail_here(const std::string& message) const;
  // The same with kUnsupported.
  [[noreturn]] void fail_unsupported(const std::string& message) const;

  template <typename T>
  T number() {
    require(1, sizeof(T), "value");
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  std::string string();

  template <typename T>
  std::vector<T> numbers(uint64_t count) {
    require(count, sizeof(T), "array");
    std::vector<T> values(count);
    if (count > 0) std::memcpy(values.data(), bytes_.data() + position_, count * sizeof(T));
    position_ += count * sizeof(T);
    return values;
  }

  // Error if the file cannot hold `count` more things of at least `each` bytes; more bytes may still be needed.
  void check_fits_in_file(uint64_t count, uint64_t each, const char* what) const;

 private:
  // Makes sure that the next count * each bytes are at hand.
  void require(uint64_t count, uint64_t each, const char* what) const;

  std::span<const std::byte> bytes_;
  uint64_t file_bytes_;
  const std::string& file_name_;
  std::string context_ = "magic";
  uint64_t position_ = 0;
};

}  // namespace moeflow::gguf
