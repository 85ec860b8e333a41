// What native code returns or throws, as JavaScript has it.
#pragma once

#include <cstring>
#include <exception>
#include <vector>

#include "addon/environment.h"
#include "addon/napi_setup.h"

namespace moeflow {

template <typename T>
Napi::TypedArrayOf<T> array_of(Napi::Env env, const std::vector<T>& values) {
  Napi::TypedArrayOf<T> array = Napi::TypedArrayOf<T>::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(T));
  return array;
}

// What the native core throws becomes the JavaScript error of its code.
template <typename Action>
auto or_javascript_error(Napi::Env env, Action&& action) {
  try {
    return action();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw to_javascript(env, error);
  }
}

}  // namespace moeflow
