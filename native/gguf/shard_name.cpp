#include "gguf/shard_name.h"

#include <string_view>

namespace moeflow::gguf {
namespace {

constexpr size_t kDigits = 5;

// Takes "<before>NNNNN" off the end of `text`.
std::optional<uint32_t> take_number(std::string_view& text, std::string_view before) {
  if (text.size() < kDigits + before.size()) return std::nullopt;
  const std::string_view digits = text.substr(text.size() - kDigits);
  const std::string_view rest = text.substr(0, text.size() - kDigits);
  if (!rest.ends_with(before)) return std::nullopt;
  uint32_t number = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<uint32_t>(digit - '0');
  }
  text = rest.substr(0, rest.size() - before.size());
  return number;
}

std::string five_digits(uint32_t number) {
  const std::string digits = std::to_string(number);
  return std::string(kDigits - digits.size(), '0') + digits;
}

}  // namespace

std::optional<ShardName> parse_shard_name(const std::string& path) {
  constexpr std::string_view kExtension = ".gguf";
  std::string_view text = path;
  if (!text.ends_with(kExtension)) return std::nullopt;
  text.remove_suffix(kExtension.size());
  const auto count = take_number(text, "-of-");
  if (!count) return std::nullopt;
  const auto number = take_number(text, "-");
  if (!number || *number < 1 || *number > *count) return std::nullopt;
  return ShardName{std::string(text), *number, *count};
}

std::string shard_path(const ShardName& name, uint32_t number) {
  return name.prefix + "-" + five_digits(number) + "-of-" + five_digits(name.count) + ".gguf";
}

}  // namespace moeflow::gguf
