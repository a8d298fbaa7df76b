// Private: the softmax gradients' part of the table (heed/softmax.h).

#ifndef HEED_KERNELS_SOFTMAX_BACKWARD_H
#define HEED_KERNELS_SOFTMAX_BACKWARD_H

#include "heed/runtime.h"

// One row; all pointers are to contiguous columns.
typedef struct HeedSoftmaxBackwardRow {
  size_t columns;
  const float *output, *output_gradient;
  float *input_gradient; // may be either
  const uint8_t *mask;   // 0 = hidden; or null
  float scale;
  bool logarithm;
} HeedSoftmaxBackwardRow;

typedef struct HeedSoftmaxBackwardKernels {
  void (*row)(const HeedSoftmaxBackwardRow *row);
} HeedSoftmaxBackwardKernels;

#endif
