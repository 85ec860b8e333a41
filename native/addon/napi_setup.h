// The one place that includes napi.h, so that every file sees the same options.
#pragma once

#define NAPI_VERSION 8
#define NODE_ADDON_API_DISABLE_DEPRECATED
// Electron's memory cage forbids buffers over foreign memory.
#define NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED
// An exception while the environment is going down has nobody to catch it and must not end the process.
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#include <napi.h>
