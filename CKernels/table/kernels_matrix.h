// Private: the table kernels that several families use, of strided matrices and of bfloat16 numbers.

#ifndef HEED_KERNELS_MATRIX_H
#define HEED_KERNELS_MATRIX_H

#include "heed/runtime.h"

typedef struct HeedConvertKernels {
  void (*f32_to_bf16)(size_t count, const float *input, uint16_t *output);
  void (*bf16_to_f32)(size_t count, const uint16_t *input, float *output);
} HeedConvertKernels;

typedef struct HeedMatrixKernels {
  // target <- source
  void (*copy)(const float *source, ptrdiff_t source_row, ptrdiff_t source_column, size_t rows, size_t columns, float *target,
               ptrdiff_t target_row, ptrdiff_t target_column);
  bool (*is_finite)(const float *x, ptrdiff_t row, ptrdiff_t column, size_t rows, size_t columns);
} HeedMatrixKernels;

#endif
