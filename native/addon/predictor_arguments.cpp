#include "addon/predictor_arguments.h"

#include <limits>

#include "addon/arguments.h"

namespace moeflow {

RouteWeights route_weights(const Napi::Object& object) {
  const auto number = [&](const char* name) {
    return static_cast<int32_t>(integer_property(object, name, 1, std::numeric_limits<int32_t>::max(), std::nullopt));
  };
  RouteWeights weights;
  weights.shape = {number("layers"), number("experts"), number("expertsUsed")};
  weights.token_width = number("tokenWidth");
  weights.hidden = number("hidden");
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
  return weights;
}

}  // namespace moeflow
