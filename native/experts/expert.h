// What the rest of the engine knows of an expert: who it is, and three matrices that are ready to use. Where the bytes
// are and how they came there is this room's own business.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace moeflow {

struct ExpertId {
  int32_t layer;
  int32_t expert;
};

struct ExpertWeights {
  Matrix gate;  // [expert width][width]
  Matrix up;    // [expert width][width]
  Matrix down;  // [width][expert width]
};

}  // namespace moeflow
