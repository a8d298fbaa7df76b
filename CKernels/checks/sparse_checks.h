// Private: the checks of a sparse product's operands, for the engine and the reference.

#ifndef HEED_SPARSE_CHECKS_H
#define HEED_SPARSE_CHECKS_H

#include "checks/array_checks.h"
#include "heed/sparse.h"

// A strided matrix; an output's elements may not overlap.
static inline HeedStatus heed_sparse_check_matrix(size_t rows, size_t width, ptrdiff_t row, ptrdiff_t column, bool is_output) {
  const HeedArray x = {2, {rows, width}, {row, column}};
  return heed_array_check(&x, is_output);
}

#endif
