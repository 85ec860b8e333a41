#include "gguf/metadata.h"

#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace moeflow::gguf {
namespace {

template <typename T>
struct IsArray : std::false_type {};
template <typename T>
struct IsArray<std::vector<T>> : std::true_type {};

// bool is an integer type in C++, but not in GGUF.
template <typename T>
inline constexpr bool kIsInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

template <typename T>
const char* scalar_name() {
  if constexpr (std::is_same_v<T, bool>) return "bool";
  if constexpr (std::is_same_v<T, std::string>) return "string";
  if constexpr (std::is_same_v<T, float>) return "float32";
  if constexpr (std::is_same_v<T, double>) return "float64";
  if constexpr (kIsInteger<T>) {
    constexpr const char* kNames[2][4] = {{"uint8", "uint16", "uint32", "uint64"}, {"int8", "int16", "int32", "int64"}};
    return kNames[std::is_signed_v<T>][sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3];
  }
  return "value";
}

template <typename Integer>
const char* integer_range() {
  if constexpr (std::is_same_v<Integer, uint32_t>) return "from 0 to 4294967295";
  if constexpr (std::is_same_v<Integer, int32_t>) return "from -2147483648 to 2147483647";
  if constexpr (std::is_same_v<Integer, int64_t>) return "below 2^63";
  return "of at least 0";
}

}  // namespace

std::string describe(const Value& value) {
  return std::visit(
      [](const auto& held) {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (IsArray<Held>::value) {
          return concat("an array of ", held.size(), " ", scalar_name<typename Held::value_type>(),
                        held.size() == 1 ? "" : "s");
        } else {
          const std::string name = scalar_name<Held>();
          return (name.front() == 'i' ? "an " : "a ") + name;
        }
      },
      value);
}

std::string printable(std::string_view text) {
  constexpr size_t kLongest = 100;
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : text.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return text.size() > kLongest ? out + "..." : out;
}

bool Metadata::add(std::string key, Value value) {
  if (!position_.emplace(key, entries_.size()).second) return false;
  entries_.push_back({std::move(key), std::move(value)});
  return true;
}

const Value* Metadata::find(std::string_view key) const {
  const auto found = position_.find(key);
  return found == position_.end() ? nullptr : &entries_[found->second].value;
}

const Value& Metadata::require(std::string_view key) const {
  const Value* value = find(key);
  if (!value) fail(ErrorCode::kInvalidFile, file_name_, ": missing key ", key);
  return *value;
}

void Metadata::fail_type(std::string_view key, const char* wanted, const Value& value) const {
  fail(ErrorCode::kInvalidFile, file_name_, ": key ", key, " must be ", wanted, ", is ", describe(value));
}

template <typename Integer>
Integer Metadata::as_integer(std::string_view key, const Value& value) const {
  return std::visit(
      [&](const auto& held) -> Integer {
        if constexpr (kIsInteger<std::decay_t<decltype(held)>>) {
          if (std::in_range<Integer>(held)) return static_cast<Integer>(held);
          fail(ErrorCode::kInvalidFile, file_name_, ": key ", key, " must be an integer ", integer_range<Integer>(),
               ", is ", +held);
        } else {
          fail_type(key, "an integer", value);
        }
      },
      value);
}

template <typename Wanted>
const Wanted& Metadata::as(std::string_view key, const char* wanted, const Value& value) const {
  if (const Wanted* held = std::get_if<Wanted>(&value)) return *held;
  fail_type(key, wanted, value);
}

float Metadata::as_float(std::string_view key, const Value& value) const {
  if (const double* held = std::get_if<double>(&value)) {
    if (std::isfinite(*held) && std::fabs(*held) > std::numeric_limits<float>::max()) {
      fail(ErrorCode::kInvalidFile, file_name_, ": key ", key, " must fit into a float32, is ", *held);
    }
    return static_cast<float>(*held);
  }
  return as<float>(key, "a float", value);
}

uint32_t Metadata::uint32(std::string_view key) const { return as_integer<uint32_t>(key, require(key)); }
uint64_t Metadata::uint64(std::string_view key) const { return as_integer<uint64_t>(key, require(key)); }
float Metadata::float32(std::string_view key) const { return as_float(key, require(key)); }
bool Metadata::boolean(std::string_view key) const { return as<bool>(key, "a bool", require(key)); }

const std::string& Metadata::string(std::string_view key) const {
  return as<std::string>(key, "a string", require(key));
}

const std::vector<std::string>& Metadata::strings(std::string_view key) const {
  return as<std::vector<std::string>>(key, "an array of strings", require(key));
}

std::optional<uint32_t> Metadata::find_uint32(std::string_view key) const {
  return contains(key) ? std::optional(uint32(key)) : std::nullopt;
}

std::optional<int32_t> Metadata::find_int32(std::string_view key) const {
  const Value* value = find(key);
  return value ? std::optional(as_integer<int32_t>(key, *value)) : std::nullopt;
}

std::optional<uint64_t> Metadata::find_uint64(std::string_view key) const {
  return contains(key) ? std::optional(uint64(key)) : std::nullopt;
}

std::optional<float> Metadata::find_float32(std::string_view key) const {
  return contains(key) ? std::optional(float32(key)) : std::nullopt;
}

std::optional<bool> Metadata::find_bool(std::string_view key) const {
  return contains(key) ? std::optional(boolean(key)) : std::nullopt;
}

std::optional<std::string> Metadata::find_string(std::string_view key) const {
  return contains(key) ? std::optional(string(key)) : std::nullopt;
}

const std::vector<std::string>* Metadata::find_strings(std::string_view key) const {
  return contains(key) ? &strings(key) : nullptr;
}

std::optional<std::vector<float>> Metadata::find_floats(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return std::nullopt;
  if (const auto* wide = std::get_if<std::vector<double>>(value)) {
    std::vector<float> out;
    for (const double element : *wide) out.push_back(as_float(key, element));
    return out;
  }
  return as<std::vector<float>>(key, "an array of floats", *value);
}

std::optional<std::vector<int64_t>> Metadata::find_ints(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return std::nullopt;
  return std::visit(
      [&](const auto& held) -> std::vector<int64_t> {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (IsArray<Held>::value) {
          if constexpr (kIsInteger<typename Held::value_type>) {
            std::vector<int64_t> out;
            out.reserve(held.size());
            for (const auto element : held) out.push_back(as_integer<int64_t>(key, element));
            return out;
          }
        }
        fail_type(key, "an array of integers", *value);
      },
      *value);
}

std::optional<std::vector<bool>> Metadata::find_bools(std::string_view key) const {
  const Value* value = find(key);
  return value ? std::optional(as<std::vector<bool>>(key, "an array of bools", *value)) : std::nullopt;
}

std::vector<uint32_t> Metadata::as_uint32_per_layer(std::string_view key, const Value& value,
                                                    uint32_t layer_count) const {
  return std::visit(
      [&](const auto& held) -> std::vector<uint32_t> {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (kIsInteger<Held>) {
          return std::vector<uint32_t>(layer_count, as_integer<uint32_t>(key, value));
        } else if constexpr (IsArray<Held>::value) {
          if constexpr (kIsInteger<typename Held::value_type>) {
            if (held.size() != layer_count) {
              fail(ErrorCode::kInvalidFile, file_name_, ": key ", key, " has ", held.size(),
                   " values, expected one for each of the ", layer_count, " layers");
            }
            std::vector<uint32_t> out;
            for (const auto element : held) out.push_back(as_integer<uint32_t>(key, element));
            return out;
          }
        }
        fail_type(key, "an integer or an array of integers, one per layer", value);
      },
      value);
}

uint32_t Metadata::same_for_all(std::string_view key, const std::vector<uint32_t>& values) const {
  if (values.empty())
    fail(ErrorCode::kInvalidFile, file_name_, ": key ", key, " has no values: the model has no layers");
  for (size_t layer = 1; layer < values.size(); ++layer) {
    if (values[layer] != values[0]) {
      fail(ErrorCode::kUnsupported, file_name_, ": key ", key, " must be the same for all layers, is ", values[0],
           " in layer 0 and ", values[layer], " in layer ", layer);
    }
  }
  return values[0];
}

std::vector<uint32_t> Metadata::uint32_per_layer(std::string_view key, uint32_t layer_count) const {
  return as_uint32_per_layer(key, require(key), layer_count);
}

std::optional<std::vector<uint32_t>> Metadata::find_uint32_per_layer(std::string_view key, uint32_t layer_count) const {
  return contains(key) ? std::optional(uint32_per_layer(key, layer_count)) : std::nullopt;
}

uint32_t Metadata::uint32_for_all_layers(std::string_view key, uint32_t layer_count) const {
  return same_for_all(key, uint32_per_layer(key, layer_count));
}

std::optional<uint32_t> Metadata::find_uint32_for_all_layers(std::string_view key, uint32_t layer_count) const {
  return contains(key) ? std::optional(uint32_for_all_layers(key, layer_count)) : std::nullopt;
}

}  // namespace moeflow::gguf
