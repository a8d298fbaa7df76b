// Private: the norms' part of the table (heed/norm.h).

#ifndef HEED_KERNELS_NORM_H
#define HEED_KERNELS_NORM_H

#include "heed/norm.h"

// One row forward. Null operands are left out.
typedef struct HeedNormRow {
  HeedNormKind kind;
  size_t columns;
  double epsilon;
  const float *input, *residual, *weight, *bias;
  float *output, *sum, *statistics;
} HeedNormRow;

// A chunk of rows backward. Pointers are to the chunk's first row. Null operands are left out.
typedef struct HeedNormChunk {
  HeedNormKind kind;
  size_t rows, columns; // at most HEED_NORM_CHUNK rows
  const float *sum, *weight, *statistics, *d_output, *d_sum;
  float *d_input;
  ptrdiff_t sum_row, d_output_row, d_sum_row, d_input_row;
  double *weight_sums, *bias_sums; // [columns, filled up to whole vectors]: overwritten with the chunk's sums
} HeedNormChunk;

typedef struct HeedNormKernels {
  void (*forward_row)(const HeedNormRow *row);
  void (*backward_chunk)(const HeedNormChunk *chunk);
} HeedNormKernels;

#endif
