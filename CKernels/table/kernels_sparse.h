// Private: the table kernels of sparse products.

#ifndef HEED_KERNELS_SPARSE_H
#define HEED_KERNELS_SPARSE_H

#include "heed/sparse.h"

// Rows first_row ... end_row - 1 of A and their operands. `matrix` and `output` are those of row 0.
typedef struct HeedSparseRows {
  const HeedSparse *a;
  size_t first_row, end_row, width;
  const float *matrix; // gathered by A's columns: X
  ptrdiff_t matrix_row, matrix_column;
  float *output; // Y
  ptrdiff_t output_row, output_column;
} HeedSparseRows;

typedef struct HeedSparseKernels {
  void (*multiply)(const HeedSparseRows *rows);
} HeedSparseKernels;

#endif
