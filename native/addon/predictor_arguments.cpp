#include "addon/predictor_arguments.h"

#include "addon/arguments.h"
#include "base/error.h"

namespace moeflow {
namespace {

int32_t count_property(const Napi::Object& object, const char* name) {
  return static_cast<int32_t>(integer_property(object, name, 1, 1 << 24, std::nullopt));
}

std::vector<float> floats_property(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    throw argument_error(object.Env(), concat(name, " must be a Float32Array"));
  }
  const auto array = value.As<Napi::Float32Array>();
  if (array.ElementLength() == 0) return {};
  return {array.Data(), array.Data() + array.ElementLength()};
}

}  // namespace

RouteShape route_shape(const Napi::Object& object) {
  return {count_property(object, "layers"), count_property(object, "experts"), count_property(object, "expertsUsed")};
}

RouteWeights route_weights(const Napi::Object& object) {
  RouteWeights weights;
  weights.shape = route_shape(object);
  weights.token_width = count_property(object, "tokenWidth");
  weights.hidden = count_property(object, "hidden");
  weights.tokens = int32_array_property(object, "tokens");
  weights.current = floats_property(object, "current");
  weights.previous = floats_property(object, "previous");
  weights.current_matrix = floats_property(object, "currentMatrix");
  weights.previous_matrix = floats_property(object, "previousMatrix");
  weights.lengths = floats_property(object, "lengths");
  weights.hidden_bias = floats_property(object, "hiddenBias");
  weights.views = floats_property(object, "views");
  weights.output = floats_property(object, "output");
  weights.output_bias = floats_property(object, "outputBias");
  weights.direct = floats_property(object, "direct");
  return weights;
}

}  // namespace moeflow
