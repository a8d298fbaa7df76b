// Private: the table's arithmetic kernels.

#ifndef HEED_KERNELS_ARITHMETIC_H
#define HEED_KERNELS_ARITHMETIC_H

#include "heed/arithmetic.h"

// A matrix of elements; pointers stand at its first.
typedef struct HeedArithmeticBlock {
  size_t rows, columns;
  const float *a, *b;
  const uint8_t *mask;
  void *output; // float, or bytes for a comparison
  ptrdiff_t a_row, a_column, b_row, b_column, mask_row, mask_column, output_row, output_column;
  float alpha, beta;
} HeedArithmeticBlock;

typedef struct HeedArithmeticKernels {
  void (*forward)(HeedArithmeticOperation operation, const HeedArithmeticBlock *block);
  void (*compare)(HeedArithmeticComparison comparison, const HeedArithmeticBlock *block);
  void (*select)(const HeedArithmeticBlock *block);
  // One block of at most HEED_ARITHMETIC_BLOCK elements: contiguous; or of rows at offsets, for at most HEED_ARITHMETIC_COLUMNS columns.
  float (*reduce_line)(HeedArithmeticReduction reduction, size_t count, const float *input);
  void (*reduce_columns)(HeedArithmeticReduction reduction, size_t count, const float *input, const ptrdiff_t *rows, size_t columns,
                         float *output);
} HeedArithmeticKernels;

#define HEED_ARITHMETIC_COLUMNS 64 // four cache lines of a row at a time

#endif
