// Private: the norms' part of the table (heed/norm.h).

#ifndef HEED_KERNELS_NORM_H
#define HEED_KERNELS_NORM_H

#include "heed/norm.h"

// One row forward. What is null is not there.
typedef struct HeedNormRow {
  HeedNormKind kind;
  size_t columns;
  double epsilon;
  const float *input, *residual, *weight, *bias;
  float *output, *sum, *statistics;
} HeedNormRow;

// A chunk of rows backward. Pointers stand at the chunk's first row; what is null is not there.
typedef struct HeedNormChunk {
  HeedNormKind kind;
  size_t rows, columns; // at most HEED_NORM_CHUNK rows
  const float *sum, *weight, *statistics, *output_gradient, *sum_gradient;
  float *input_gradient;
  ptrdiff_t sum_row, output_gradient_row, sum_gradient_row, input_gradient_row;
  double *weight_sums, *bias_sums; // [columns, filled up to whole vectors]: overwritten with the chunk's sums
} HeedNormChunk;

typedef struct HeedNormKernels {
  void (*forward_row)(const HeedNormRow *row);
  void (*backward_chunk)(const HeedNormChunk *chunk);
} HeedNormKernels;

#endif
