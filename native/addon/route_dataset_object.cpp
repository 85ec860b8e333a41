#include "addon/route_dataset_object.h"

#include "addon/arguments.h"
#include "addon/conversions.h"
#include "addon/environment.h"
#include "addon/predictor_arguments.h"
#include "base/error.h"

namespace moeflow {
namespace {

std::span<const int32_t> numbers_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  const Napi::Value value = info[index];
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array) {
    throw argument_error(info.Env(), concat(name, " must be an Int32Array"));
  }
  const auto array = value.As<Napi::Int32Array>();
  return array.ElementLength() == 0 ? std::span<const int32_t>()
                                    : std::span<const int32_t>(array.Data(), array.ElementLength());
}

}  // namespace

void RoutePredictorObject::define(Napi::Env env, Napi::Object exports) {
  const Napi::Function constructor = DefineClass(env, "RoutePredictor", {});
  Environment::of(env).route_predictor_constructor = Napi::Persistent(constructor);
  exports.Set("RoutePredictor", constructor);
}

RoutePredictorObject::RoutePredictorObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<RoutePredictorObject>(info) {
  or_javascript_error(info.Env(), [&] {
    predictor_ = std::make_shared<const RoutePredictor>(route_weights(object_argument(info, 0, "weights")));
  });
}

std::shared_ptr<const RoutePredictor> RoutePredictorObject::of(Napi::Env env, const Napi::Value& value) {
  const Napi::Function constructor = Environment::of(env).route_predictor_constructor.Value();
  if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(constructor)) {
    throw argument_error(env, "predictor must be a RoutePredictor");
  }
  return Unwrap(value.As<Napi::Object>())->predictor_;
}

void RouteDatasetObject::define(Napi::Env env, Napi::Object exports) {
  exports.Set("RouteDataset", DefineClass(env, "RouteDataset",
                                          {InstanceMethod<&RouteDatasetObject::add>("add"),
                                           InstanceMethod<&RouteDatasetObject::learn_table>("learnTable"),
                                           InstanceMethod<&RouteDatasetObject::batch>("batch"),
                                           InstanceMethod<&RouteDatasetObject::predict>("predict"),
                                           InstanceMethod<&RouteDatasetObject::predict_later>("predictLater")}));
}

RouteDatasetObject::RouteDatasetObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RouteDatasetObject>(info) {
  or_javascript_error(info.Env(), [&] { dataset_.emplace(route_shape(object_argument(info, 0, "shape"))); });
}

Napi::Value RouteDatasetObject::add(const Napi::CallbackInfo& info) {
  return or_javascript_error(info.Env(), [&] {
    const size_t rows = dataset_->add(numbers_argument(info, 0, "tokens"), numbers_argument(info, 1, "routes"));
    return Napi::Number::New(info.Env(), static_cast<double>(rows));
  });
}

Napi::Value RouteDatasetObject::learn_table(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return or_javascript_error(env, [&] {
    const TokenTable table = dataset_->learn_table(numbers_argument(info, 0, "rows"));
    Napi::Object object = Napi::Object::New(env);
    object.Set("tableTokens", array_of(env, table.tokens));
    object.Set("table", array_of(env, table.means));
    object.Set("tableBuckets", array_of(env, table.buckets));
    return object;
  });
}

Napi::Value RouteDatasetObject::batch(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return or_javascript_error(env, [&] {
    const RouteBatch batch = dataset_->batch(numbers_argument(info, 0, "rows"));
    Napi::Object object = Napi::Object::New(env);
    object.Set("tokens", array_of(env, batch.tokens));
    object.Set("before", array_of(env, batch.before));
    object.Set("matchLengths", array_of(env, batch.match_lengths));
    object.Set("tableBuckets", array_of(env, batch.table_buckets));
    object.Set("views", array_of(env, batch.views));
    object.Set("targets", array_of(env, batch.targets));
    object.Set("later", array_of(env, batch.later));
    return object;
  });
}

Napi::Value RouteDatasetObject::predict(const Napi::CallbackInfo& info) { return ask(info, kUsedNow); }

Napi::Value RouteDatasetObject::predict_later(const Napi::CallbackInfo& info) { return ask(info, kUsedLater); }

Napi::Value RouteDatasetObject::ask(const Napi::CallbackInfo& info, RouteHead head) {
  return or_javascript_error(info.Env(), [&] {
    const auto predictor = RoutePredictorObject::of(info.Env(), info[0]);
    return array_of(info.Env(), dataset_->predict(*predictor, head, numbers_argument(info, 1, "rows")));
  });
}

}  // namespace moeflow
