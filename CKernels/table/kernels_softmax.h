// Private: the table kernels of softmax (heed/softmax.h). All pointers are to contiguous columns.

#ifndef HEED_KERNELS_SOFTMAX_H
#define HEED_KERNELS_SOFTMAX_H

#include "heed/runtime.h"

// One row of a softmax.
typedef struct HeedSoftmaxRow {
  size_t columns, visible; // columns from `visible` on are hidden
  const float *input;
  float *output;          // may be the input
  const uint8_t *boolean; // 0 = hidden; or null
  const float *additive;  // added, the sum saturating at -FLT_MAX, minus infinity hides; or null
  float scale;
  bool logarithm;
  float *log_sum_exp;      // one number, or null
  const float *next_input; // the next row, to be prefetched at the same time; or null
  float *next_output;
} HeedSoftmaxRow;

typedef struct HeedSoftmaxKernels {
  void (*row)(const HeedSoftmaxRow *row);
} HeedSoftmaxKernels;

// One row of its gradient.
typedef struct HeedSoftmaxBackwardRow {
  size_t columns;
  const float *output, *d_output;
  float *d_input;      // may be either
  const uint8_t *mask; // 0 = hidden; or null
  float scale;
  bool logarithm;
} HeedSoftmaxBackwardRow;

typedef struct HeedSoftmaxBackwardKernels {
  void (*row)(const HeedSoftmaxBackwardRow *row);
} HeedSoftmaxBackwardKernels;

#endif
