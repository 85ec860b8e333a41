// The key-value part of a GGUF file. Getters are typed: an integer is an integer of any width that fits, and nothing is
// ever converted from a string. Their errors name the file and the key.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace moeflow::gguf {

// Scalars come first, in the order of the format's numbering, then arrays. Nested arrays are not supported: no model
// that moeflow runs has one.
using Value =
    std::variant<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, float, bool, std::string, uint64_t, int64_t,
                 double, std::vector<uint8_t>, std::vector<int8_t>, std::vector<uint16_t>, std::vector<int16_t>,
                 std::vector<uint32_t>, std::vector<int32_t>, std::vector<float>, std::vector<bool>,
                 std::vector<std::string>, std::vector<uint64_t>, std::vector<int64_t>, std::vector<double>>;

// What to call a value in a message: "a uint32", "a string", "an array of 512 strings".
std::string describe(const Value& value);

// Text from a file, made fit for a message: control bytes escaped, and no longer than a line.
std::string printable(std::string_view text);

class Metadata {
 public:
  struct Entry {
    std::string key;
    Value value;
  };

  Metadata() = default;
  explicit Metadata(std::string file_name) : file_name_(std::move(file_name)) {}

  // False, and nothing changes, if the key is there already.
  bool add(std::string key, Value value);

  const std::string& file_name() const { return file_name_; }
  const std::vector<Entry>& entries() const { return entries_; }  // in the file's order
  const Value* find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key) != nullptr; }

  // Required values: Error(kInvalidFile) if the key is missing, has another type or does not fit.
  uint32_t uint32(std::string_view key) const;
  uint64_t uint64(std::string_view key) const;
  float float32(std::string_view key) const;
  bool boolean(std::string_view key) const;
  const std::string& string(std::string_view key) const;
  const std::vector<std::string>& strings(std::string_view key) const;

  // Optional values: empty if the key is missing, and the same errors as above if it is there but wrong.
  std::optional<uint32_t> find_uint32(std::string_view key) const;
  std::optional<int32_t> find_int32(std::string_view key) const;
  std::optional<uint64_t> find_uint64(std::string_view key) const;
  std::optional<float> find_float32(std::string_view key) const;
  std::optional<bool> find_bool(std::string_view key) const;
  std::optional<std::string> find_string(std::string_view key) const;

  // Arrays. Strings come as a pointer into the metadata, since a vocabulary is too large to copy for a look.
  const std::vector<std::string>* find_strings(std::string_view key) const;
  std::optional<std::vector<float>> find_floats(std::string_view key) const;
  std::optional<std::vector<int64_t>> find_ints(std::string_view key) const;
  std::optional<std::vector<bool>> find_bools(std::string_view key) const;

  // Hyperparameters such as head_count are one integer for all layers or an array with one per layer; either way the
  // result has layer_count values. An array of another length is an error, as in llama.cpp.
  std::vector<uint32_t> uint32_per_layer(std::string_view key, uint32_t layer_count) const;
  std::optional<std::vector<uint32_t>> find_uint32_per_layer(std::string_view key, uint32_t layer_count) const;

  // The same, for an architecture whose layers are all alike: Error(kUnsupported) if the layers' values differ.
  uint32_t uint32_for_all_layers(std::string_view key, uint32_t layer_count) const;
  std::optional<uint32_t> find_uint32_for_all_layers(std::string_view key, uint32_t layer_count) const;

 private:
  const Value& require(std::string_view key) const;
  [[noreturn]] void fail_type(std::string_view key, const char* wanted, const Value& value) const;
  template <typename Integer>
  Integer as_integer(std::string_view key, const Value& value) const;
  template <typename Wanted>
  const Wanted& as(std::string_view key, const char* wanted, const Value& value) const;
  float as_float(std::string_view key, const Value& value) const;
  std::vector<uint32_t> as_uint32_per_layer(std::string_view key, const Value& value, uint32_t layer_count) const;
  uint32_t same_for_all(std::string_view key, const std::vector<uint32_t>& values) const;

  std::string file_name_;
  std::vector<Entry> entries_;
  std::map<std::string, size_t, std::less<>> position_;  // of a key in entries_
};

}  // namespace moeflow::gguf
