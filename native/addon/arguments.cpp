#include "addon/arguments.h"

#include <cmath>

#include "base/error.h"

namespace moeflow {

Napi::TypeError argument_error(Napi::Env env, const std::string& message) {
  Napi::TypeError error = Napi::TypeError::New(env, message);
  error.Set("code", Napi::String::New(env, error_code_name(ErrorCode::kInvalidArgument)));
  return error;
}

Napi::Object object_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsObject()) throw argument_error(info.Env(), concat(name, " must be an object"));
  return info[index].As<Napi::Object>();
}

std::string string_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsString()) throw argument_error(info.Env(), concat(name, " must be a string"));
  return info[index].As<Napi::String>();
}

int64_t integer_property(const Napi::Object& object, const char* name, int64_t low, int64_t high,
                         std::optional<int64_t> fallback) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined() && fallback) return *fallback;
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high)) || number != std::floor(number)) {
    throw argument_error(object.Env(), concat(name, " must be an integer from ", low, " to ", high));
  }
  return static_cast<int64_t>(number);
}

double number_property(const Napi::Object& object, const char* name, double low, double high, double fallback) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) return fallback;
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!(number >= low && number <= high)) {
    throw argument_error(object.Env(), concat(name, " must be a number from ", low, " to ", high));
  }
  return number;
}

bool boolean_property(const Napi::Object& object, const char* name, bool fallback) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) return fallback;
  if (!value.IsBoolean()) throw argument_error(object.Env(), concat(name, " must be a boolean"));
  return value.As<Napi::Boolean>();
}

std::string string_property(const Napi::Object& object, const char* name, const char* fallback) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) return fallback;
  if (!value.IsString()) throw argument_error(object.Env(), concat(name, " must be a string"));
  return value.As<Napi::String>();
}

std::vector<std::string> strings_property(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsArray()) throw argument_error(object.Env(), concat(name, " must be an array of strings"));
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> strings;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value element = array.Get(i);
    if (!element.IsString()) throw argument_error(object.Env(), concat(name, "[", i, "] must be a string"));
    strings.push_back(element.As<Napi::String>());
  }
  return strings;
}

namespace {

template <typename T>
std::vector<T> array_property(const Napi::Object& object, const char* name, napi_typedarray_type type,
                              const char* type_name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    throw argument_error(object.Env(), concat(name, " must be ", type_name));
  }
  const auto array = value.As<Napi::TypedArrayOf<T>>();
  const T* data = array.ElementLength() > 0 ? array.Data() : nullptr;
  return data ? std::vector<T>(data, data + array.ElementLength()) : std::vector<T>();
}

}  // namespace

std::vector<int32_t> int32_array_property(const Napi::Object& object, const char* name) {
  return array_property<int32_t>(object, name, napi_int32_array, "an Int32Array");
}

std::vector<float> float32_array_property(const Napi::Object& object, const char* name) {
  return array_property<float>(object, name, napi_float32_array, "a Float32Array");
}

std::vector<uint8_t> uint8_array_property(const Napi::Object& object, const char* name) {
  return array_property<uint8_t>(object, name, napi_uint8_array, "a Uint8Array");
}

std::vector<int32_t> optional_int32_array(const Napi::Object& object, const char* name) {
  return object.Get(name).IsUndefined() ? std::vector<int32_t>() : int32_array_property(object, name);
}

std::vector<uint8_t> optional_uint8_array(const Napi::Object& object, const char* name) {
  return object.Get(name).IsUndefined() ? std::vector<uint8_t>() : uint8_array_property(object, name);
}

DType dtype_argument(Napi::Env env, const std::string& name) {
  for (uint32_t number = 0; number < kDTypeTableSize; ++number) {
    const DTypeTraits* t = dtype_traits(number);
    if (t && name == t->name) return static_cast<DType>(number);
  }
  throw argument_error(env, concat("type ", name, " is unknown"));
}

uint64_t seed_property(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsBigInt()) {
    bool lossless = false;
    const uint64_t seed = value.As<Napi::BigInt>().Uint64Value(&lossless);
    if (!lossless) throw argument_error(object.Env(), concat(name, " must be an integer from 0 to 2^64 - 1"));
    return seed;
  }
  return static_cast<uint64_t>(integer_property(object, name, 0, (int64_t{1} << 53) - 1, 0));
}

}  // namespace moeflow
