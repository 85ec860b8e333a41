// The JavaScript face of recorded sequences and of the predictor that is tried on them: NativeRouteDataset and
// NativeRoutePredictor in lib/native.ts.
#pragma once

#include <memory>
#include <optional>

#include "addon/napi_setup.h"
#include "prediction/route_dataset.h"

namespace moeflow {

class RoutePredictorObject : public Napi::ObjectWrap<RoutePredictorObject> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit RoutePredictorObject(const Napi::CallbackInfo& info);
  // Throws a TypeError for what is none.
  static std::shared_ptr<const RoutePredictor> of(Napi::Env env, const Napi::Value& value);

 private:
  std::shared_ptr<const RoutePredictor> predictor_;
};

class RouteDatasetObject : public Napi::ObjectWrap<RouteDatasetObject> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  explicit RouteDatasetObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value add(const Napi::CallbackInfo& info);
  Napi::Value learn_table(const Napi::CallbackInfo& info);
  Napi::Value batch(const Napi::CallbackInfo& info);
  Napi::Value predict(const Napi::CallbackInfo& info);
  Napi::Value predict_later(const Napi::CallbackInfo& info);
  Napi::Value ask(const Napi::CallbackInfo& info, RouteHead head);

  std::optional<RouteDataset> dataset_;
};

}  // namespace moeflow
