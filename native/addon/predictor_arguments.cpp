#include "addon/predictor_arguments.h"

#include "addon/arguments.h"

namespace moeflow {
namespace {

int32_t count_property(const Napi::Object& object, const char* name) {
  return static_cast<int32_t>(integer_property(object, name, 1, 1 << 24, std::nullopt));
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
  weights.current = float32_array_property(object, "current");
  weights.previous = float32_array_property(object, "previous");
  weights.current_matrix = float32_array_property(object, "currentMatrix");
  weights.previous_matrix = float32_array_property(object, "previousMatrix");
  weights.lengths = float32_array_property(object, "lengths");
  weights.hidden_bias = float32_array_property(object, "hiddenBias");
  weights.views = float32_array_property(object, "views");
  weights.output = float32_array_property(object, "output");
  weights.output_bias = float32_array_property(object, "outputBias");
  weights.direct = float32_array_property(object, "direct");
  weights.table.tokens = int32_array_property(object, "tableTokens");
  weights.table.means = uint8_array_property(object, "table");
  weights.table.buckets = uint8_array_property(object, "tableBuckets");
  return weights;
}

}  // namespace moeflow
