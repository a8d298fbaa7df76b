// Private: the positions' part of the table (heed/position.h).

#ifndef HEED_KERNELS_POSITION_H
#define HEED_KERNELS_POSITION_H

#include "heed/position.h"

// Cosines and sines of some angles, and those of a step, all [pairs].
typedef struct HeedPositionAngles {
  size_t pairs;
  double *cosine, *sine;
  const double *step_cosine, *step_sine;
} HeedPositionAngles;

typedef struct HeedPositionKernels {
  void (*advance)(const HeedPositionAngles *angles); // every angle by its step
  void (*add)(size_t columns, const float *x, const float *table, float *y);
  // One row; table: `rotary` / 2 cosines, then as many sines.
  void (*rotate)(const HeedPositionRotaryShape *shape, const float *x, const float *table, float *y);
} HeedPositionKernels;

#endif
