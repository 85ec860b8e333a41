#include "gguf/value_reader.h"

#include <utility>

#include "base/error.h"

namespace moeflow::gguf {
namespace {

// The numbers of the value types in the file format.
enum ValueType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

// The shortest string is its length alone.
constexpr uint64_t kMinStringBytes = 8;

bool to_bool(const ByteReader& reader, uint8_t byte) {
  if (byte > 1) reader.fail_here(concat("a bool must be 0 or 1, is ", +byte));
  return byte == 1;
}

std::vector<bool> read_bools(ByteReader& reader, uint64_t count) {
  std::vector<bool> values;
  for (const uint8_t byte : reader.numbers<uint8_t>(count)) values.push_back(to_bool(reader, byte));
  return values;
}

// Grows with what has been read: the count alone must not claim memory.
std::vector<std::string> read_strings(ByteReader& reader, uint64_t count) {
  reader.check_fits_in_file(count, kMinStringBytes, "array");
  std::vector<std::string> values;
  for (uint64_t i = 0; i < count; ++i) values.push_back(reader.string());
  return values;
}

Value read_array(ByteReader& reader, const std::string& key) {
  reader.enter("array " + printable(key));
  const auto type = reader.number<uint32_t>();
  const auto count = reader.number<uint64_t>();
  switch (type) {
    case kUint8: return reader.numbers<uint8_t>(count);
    case kInt8: return reader.numbers<int8_t>(count);
    case kUint16: return reader.numbers<uint16_t>(count);
    case kInt16: return reader.numbers<int16_t>(count);
    case kUint32: return reader.numbers<uint32_t>(count);
    case kInt32: return reader.numbers<int32_t>(count);
    case kFloat32: return reader.numbers<float>(count);
    case kBool: return read_bools(reader, count);
    case kString: return read_strings(reader, count);
    case kArray: reader.fail_unsupported("an array of arrays is not supported");
    case kUint64: return reader.numbers<uint64_t>(count);
    case kInt64: return reader.numbers<int64_t>(count);
    case kFloat64: return reader.numbers<double>(count);
    default: reader.fail_here(concat("unknown element type ", type));
  }
}

}  // namespace

Value read_value(ByteReader& reader, const std::string& key) {
  reader.enter("key " + printable(key));
  const auto type = reader.number<uint32_t>();
  switch (type) {
    case kUint8: return reader.number<uint8_t>();
    case kInt8: return reader.number<int8_t>();
    case kUint16: return reader.number<uint16_t>();
    case kInt16: return reader.number<int16_t>();
    case kUint32: return reader.number<uint32_t>();
    case kInt32: return reader.number<int32_t>();
    case kFloat32: return reader.number<float>();
    case kBool: return to_bool(reader, reader.number<uint8_t>());
    case kString: return reader.string();
    case kArray: return read_array(reader, key);
    case kUint64: return reader.number<uint64_t>();
    case kInt64: return reader.number<int64_t>();
    case kFloat64: return reader.number<double>();
    default: reader.fail_here(concat("unknown value type ", type));
  }
}

}  // namespace moeflow::gguf
