// Private: what a sparse product's operands must be, for the engine and the reference.

#ifndef HEED_SPARSE_CHECKS_H
#define HEED_SPARSE_CHECKS_H

#include "checks/array_checks.h"
#include "heed/sparse.h"

// A strided matrix; an output's elements may not overlap.
static inline HeedStatus heed_sparse_check_matrix(size_t rows, size_t width, ptrdiff_t row, ptrdiff_t column, bool is_output) {
  const HeedArray x = {{1, rows, width}, {0, row, column}};
  if (!heed_array_sizes_fit(&x)) return HeedStatusBadShape;
  if (!heed_array_distances_fit(&x, sizeof(float)) || (is_output && !heed_array_is_injective(&x))) return HeedStatusBadStride;
  return HeedStatusOk;
}

#endif
