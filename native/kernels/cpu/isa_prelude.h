// What every instruction set's file includes: C headers and plain structs only, because an inline function compiled
// here with wide instructions must never be the copy that the linker keeps for everyone.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <type_traits>

#include "kernels/codebooks.h"
#include "kernels/kernels.h"

// Kernels are written in small pieces that must end up in registers together. Under a sanitizer that only makes files
// which take minutes to compile, so there the compiler decides.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MOEFLOW_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MOEFLOW_SANITIZED 1
#endif
#ifdef MOEFLOW_SANITIZED
#define ALWAYS_INLINE inline
#define ALWAYS_INLINE_LAMBDA
#else
#define ALWAYS_INLINE __attribute__((always_inline)) inline
#define ALWAYS_INLINE_LAMBDA __attribute__((always_inline))
#endif
