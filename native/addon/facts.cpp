#include "addon/facts.h"

#include <cstring>
#include <numeric>
#include <type_traits>

namespace moeflow {
namespace {

template <typename T>
Napi::Value number_value(Napi::Env env, T value) {
  if constexpr (std::is_same_v<T, uint64_t>) {
    if (value > (uint64_t{1} << 53)) return Napi::BigInt::New(env, value);
  }
  if constexpr (std::is_same_v<T, int64_t>) {
    if (value > (int64_t{1} << 53) || value < -(int64_t{1} << 53)) return Napi::BigInt::New(env, value);
  }
  return Napi::Number::New(env, static_cast<double>(value));
}

template <typename T>
Napi::Value typed_array(Napi::Env env, const std::vector<T>& values) {
  if constexpr (std::is_same_v<T, uint64_t> || std::is_same_v<T, int64_t>) {
    Napi::Array array = Napi::Array::New(env, values.size());
    for (size_t i = 0; i < values.size(); ++i) array.Set(static_cast<uint32_t>(i), number_value(env, values[i]));
    return array;
  } else {
    Napi::TypedArrayOf<T> array = Napi::TypedArrayOf<T>::New(env, values.size());
    if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(T));
    return array;
  }
}

struct ToJavaScript {
  Napi::Env env;

  Napi::Value operator()(bool value) const { return Napi::Boolean::New(env, value); }
  Napi::Value operator()(const std::string& value) const { return Napi::String::New(env, value); }
  template <typename T>
  requires std::is_arithmetic_v<T> Napi::Value operator()(T value) const { return number_value(env, value); }
  Napi::Value operator()(const std::vector<bool>& values) const {
    Napi::Array array = Napi::Array::New(env, values.size());
    for (size_t i = 0; i < values.size(); ++i) array.Set(static_cast<uint32_t>(i), Napi::Boolean::New(env, values[i]));
    return array;
  }
  Napi::Value operator()(const std::vector<std::string>& values) const {
    Napi::Array array = Napi::Array::New(env, values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      const Napi::HandleScope scope(env);
      array.Set(static_cast<uint32_t>(i), Napi::String::New(env, values[i]));
    }
    return array;
  }
  template <typename T>
  Napi::Value operator()(const std::vector<T>& values) const {
    return typed_array(env, values);
  }
};

Napi::Object counts(Napi::Env env, const std::map<std::string, uint64_t>& values) {
  Napi::Object object = Napi::Object::New(env);
  for (const auto& [name, value] : values) object.Set(name, number_value(env, value));
  return object;
}

}  // namespace

Napi::Object metadata_to_javascript(Napi::Env env, const gguf::Metadata& metadata) {
  Napi::Object object = Napi::Object::New(env);
  for (const gguf::Metadata::Entry& entry : metadata.entries())
    object.Set(entry.key, std::visit(ToJavaScript{env}, entry.value));
  return object;
}

ModelDescription describe_model(const Model& model) {
  const auto& sizes = model.files.file_bytes;
  return {model.config, model_facts(model), model.files.paths,
          std::accumulate(sizes.begin(), sizes.end(), uint64_t{0})};
}

Napi::Object description_to_javascript(Napi::Env env, const ModelDescription& d) {
  Napi::Object object = Napi::Object::New(env);
  const auto set = [&](const char* name, auto value) { object.Set(name, number_value(env, value)); };
  object.Set("architecture", Napi::String::New(env, std::string(d.config.architecture->name)));
  object.Set("name", Napi::String::New(env, d.config.name));
  Napi::Array paths = Napi::Array::New(env, d.paths.size());
  for (size_t i = 0; i < d.paths.size(); ++i) paths.Set(static_cast<uint32_t>(i), d.paths[i]);
  object.Set("paths", paths);
  set("fileBytes", d.file_bytes);
  set("layers", d.config.layers);
  set("expertLayers", d.config.layers - d.config.leading_dense_layers);
  set("experts", d.config.router.experts);
  set("expertsUsed", d.config.router.used);
  set("width", d.config.width);
  set("expertWidth", d.config.expert_width);
  set("heads", d.config.heads);
  set("kvHeads", d.config.kv_heads);
  set("vocabulary", d.config.vocabulary);
  set("trainedContextLength", d.config.context_length);
  set("expertBytes", d.facts.expert_bytes);
  set("denseBytes", d.facts.dense_bytes);
  set("smallestExpertBytes", d.facts.smallest_expert_bytes);
  set("largestExpertBytes", d.facts.largest_expert_bytes);
  object.Set("expertBytesByLayer", typed_array(env, d.facts.expert_bytes_by_layer));
  set("activeBytesPerToken", d.facts.active_bytes_per_token);
  set("kvBytesPerTokenF16", d.facts.kv_bytes_per_token_f16);
  set("kvBytesPerTokenF32", d.facts.kv_bytes_per_token_f32);
  object.Set("bytesByType", counts(env, d.facts.bytes_by_type));
  object.Set("tensorsByType", counts(env, d.facts.tensors_by_type));
  return object;
}

}  // namespace moeflow
