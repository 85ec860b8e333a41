// Writes GGUF files, good and deliberately wrong, byte by byte. It shares no code with the reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace moeflow::gguf::test {

template <typename T>
std::string raw(T number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

inline std::string raw_string(const std::string& text) { return raw<uint64_t>(text.size()) + text; }

inline std::span<const std::byte> as_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

struct TensorEntry {
  std::string name;
  std::vector<uint64_t> dims;
  uint32_t type = 0;                 // F32
  uint64_t bytes = 0;                // 0: as an F32 tensor of these dims
  std::optional<uint64_t> offset{};  // default: behind the tensor before
  std::optional<uint32_t> n_dims{};  // default: dims.size()
  std::string data{};                // default: all 'd'

  uint64_t data_bytes() const {
    if (!data.empty()) return data.size();
    uint64_t values = 4;
    for (const uint64_t dim : dims) values *= dim;
    return bytes ? bytes : values;
  }
};

struct GgufBytes {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::optional<uint64_t> tensor_count{};  // default: the true one
  std::optional<uint64_t> key_count{};     // default: the true one
  uint64_t alignment = 32;                 // of the layout; the key general.alignment is the test's business
  std::vector<std::string> keys{};         // encoded
  std::vector<TensorEntry> tensors{};

  GgufBytes& key(const std::string& name, uint32_t type, const std::string& payload) {
    keys.push_back(raw_string(name) + raw(type) + payload);
    return *this;
  }
  GgufBytes& array(const std::string& name, uint32_t type, uint64_t count, const std::string& payload) {
    return key(name, 9, raw(type) + raw(count) + payload);
  }
  GgufBytes& u16(const std::string& name, uint16_t value) { return key(name, 2, raw(value)); }
  GgufBytes& u32(const std::string& name, uint32_t value) { return key(name, 4, raw(value)); }
  GgufBytes& i32(const std::string& name, int32_t value) { return key(name, 5, raw(value)); }
  GgufBytes& f32(const std::string& name, float value) { return key(name, 6, raw(value)); }
  GgufBytes& boolean(const std::string& name, bool value) { return key(name, 7, raw<uint8_t>(value)); }
  GgufBytes& text(const std::string& name, const std::string& value) { return key(name, 8, raw_string(value)); }
  GgufBytes& texts(const std::string& name, const std::vector<std::string>& values) {
    std::string payload;
    for (const std::string& value : values) payload += raw_string(value);
    return array(name, 8, values.size(), payload);
  }
  GgufBytes& tensor(TensorEntry entry) {
    tensors.push_back(std::move(entry));
    return *this;
  }

  uint64_t aligned(uint64_t size) const { return (size + alignment - 1) / alignment * alignment; }

  // Everything before the tensor data, without padding.
  std::string header() const {
    std::string out = magic + raw(version) + raw<uint64_t>(tensor_count.value_or(tensors.size())) +
                      raw<uint64_t>(key_count.value_or(keys.size()));
    for (const std::string& entry : keys) out += entry;
    uint64_t next = 0;
    for (const TensorEntry& entry : tensors) {
      out += raw_string(entry.name) + raw<uint32_t>(entry.n_dims.value_or(entry.dims.size()));
      for (const uint64_t dim : entry.dims) out += raw(dim);
      out += raw(entry.type) + raw(entry.offset.value_or(next));
      if (!entry.offset) next = aligned(next + entry.data_bytes());
    }
    return out;
  }

  // The whole file; its data ends with the last byte of the last tensor that has no offset of its own.
  std::string file() const {
    std::string out = header();
    out.resize(aligned(out.size()));
    for (const TensorEntry& entry : tensors) {
      if (entry.offset) continue;
      out.resize(aligned(out.size()));
      out += entry.data.empty() ? std::string(entry.data_bytes(), 'd') : entry.data;
    }
    return out;
  }
};

// A small file with every kind of value and tensors of several types and shapes.
inline GgufBytes sample_file() {
  GgufBytes gguf;
  gguf.text("general.architecture", "qwen3moe")
      .u32("qwen3moe.block_count", 2)
      .key("a.u8", 0, raw<uint8_t>(200))
      .key("a.i8", 1, raw<int8_t>(-5))
      .u16("a.u16", 60000)
      .key("a.i16", 3, raw<int16_t>(-300))
      .i32("a.i32", -70000)
      .key("a.f32", 6, raw(1.5f))
      .key("a.bool", 7, raw<uint8_t>(1))
      .key("a.u64", 10, raw<uint64_t>(uint64_t{1} << 40))
      .key("a.i64", 11, raw<int64_t>(-1))
      .key("a.f64", 12, raw(0.25))
      .texts("tokenizer.ggml.tokens", {"a", "", "token"})
      .array("list.u8", 0, 2, "\x01\x02")
      .array("list.i8", 1, 2, "\xff\x02")
      .array("list.u16", 2, 1, raw<uint16_t>(7))
      .array("list.i16", 3, 1, raw<int16_t>(-7))
      .array("list.u32", 4, 2, raw<uint32_t>(1) + raw<uint32_t>(2))
      .array("list.i32", 5, 2, raw<int32_t>(-1) + raw<int32_t>(2))
      .array("list.f32", 6, 2, raw(0.5f) + raw(-2.0f))
      .array("list.bool", 7, 3, std::string("\x01\x00\x01", 3))
      .array("list.u64", 10, 1, raw<uint64_t>(9))
      .array("list.i64", 11, 1, raw<int64_t>(-9))
      .array("list.f64", 12, 1, raw(0.125))
      .tensor({"token_embd.weight", {16, 4}})
      .tensor({"norm.weight", {5}})
      .tensor({"blk.0.ffn_up_exps.weight", {256, 2, 3}, 12, 2 * 3 * 144})
      .tensor({"blk.0.four", {32, 1, 2, 2}, 8, 4 * 34});
  return gguf;
}

}  // namespace moeflow::gguf::test
