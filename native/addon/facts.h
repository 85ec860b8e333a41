// The core's descriptions of a model as JavaScript objects.
#pragma once

#include "addon/napi_setup.h"
#include "gguf/metadata.h"
#include "model/facts.h"

namespace moeflow {

// All keys; arrays of strings as arrays, arrays of numbers as typed arrays, 64-bit integers as numbers where they fit
// and bigints where not.
Napi::Object metadata_to_javascript(Napi::Env env, const gguf::Metadata& metadata);

// What describes a model without loading it. See NativeModelFacts in lib/native.ts.
struct ModelDescription {
  ModelConfig config;
  ModelFacts facts;
  std::vector<std::string> paths;
  uint64_t file_bytes = 0;
};
ModelDescription describe_model(const Model& model);
Napi::Object description_to_javascript(Napi::Env env, const ModelDescription& description);

}  // namespace moeflow
