// Reading JavaScript arguments: everything is checked, and an error names the argument and what it must be.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "addon/napi_setup.h"
#include "gguf/types.h"

namespace moeflow {

// A TypeError with code INVALID_ARGUMENT, to be thrown.
Napi::TypeError argument_error(Napi::Env env, const std::string& message);

Napi::Object object_argument(const Napi::CallbackInfo& info, size_t index, const char* name);
std::string string_argument(const Napi::CallbackInfo& info, size_t index, const char* name);

// Integers within [low, high]; undefined gives the fallback.
int64_t integer_property(const Napi::Object& object, const char* name, int64_t low, int64_t high,
                         std::optional<int64_t> fallback);
double number_property(const Napi::Object& object, const char* name, double low, double high, double fallback);
bool boolean_property(const Napi::Object& object, const char* name, bool fallback);
std::string string_property(const Napi::Object& object, const char* name, const char* fallback);
std::vector<std::string> strings_property(const Napi::Object& object, const char* name);
std::vector<int32_t> int32_array_property(const Napi::Object& object, const char* name);
std::vector<float> float32_array_property(const Napi::Object& object, const char* name);
std::vector<uint8_t> uint8_array_property(const Napi::Object& object, const char* name);
// Empty for undefined.
std::vector<int32_t> optional_int32_array(const Napi::Object& object, const char* name);
std::vector<uint8_t> optional_uint8_array(const Napi::Object& object, const char* name);
// A tensor type by its name, as `traits` spells it.
DType dtype_argument(Napi::Env env, const std::string& name);
// An integer from 0 to 2^64 - 1, as a number or a bigint.
uint64_t seed_property(const Napi::Object& object, const char* name);

}  // namespace moeflow
