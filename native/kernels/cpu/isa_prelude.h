// What every instruction set's file includes: C headers and plain structs only, because an inline function compiled here
// with wide instructions must never be the copy that the linker keeps for everyone.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <type_traits>

#include "kernels/codebooks.h"
#include "kernels/kernels.h"

#define ALWAYS_INLINE __attribute__((always_inline)) inline
#define ALWAYS_INLINE_LAMBDA __attribute__((always_inline))
