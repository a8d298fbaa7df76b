// Products with a sparse matrix in float64, one scalar step after the other: the specification of sparse.h in code, and the oracle of the
// tests. Results are contiguous.

#include "checks/sparse_checks.h"
#include "runtime/float_mode.h"

static double entry_value(const HeedSparse *a, size_t e) { return a->value ? (double)a->value[e] : 1; }

HeedStatus heed_sparse_reference_forward(const HeedSparse *a, const HeedSparseShape *shape, const float *x, double *y) {
  HEED_FLOAT_MODE();
  HeedStatus status = shape ? heed_sparse_check(a) : HeedStatusBadArgument;
  if (status == HeedStatusOk) status = heed_sparse_check_matrix(a->columns, shape->width, shape->x_row, shape->x_column, false);
  if (status == HeedStatusOk) status = heed_sparse_check_matrix(a->rows, shape->width, 0, 0, false); // Y is contiguous
  if (status != HeedStatusOk) return status;
  if ((a->entries > 0 && shape->width > 0 && !x) || (a->rows > 0 && shape->width > 0 && !y)) return HeedStatusBadArgument;
  for (size_t r = 0; r < a->rows; r++)
    for (size_t j = 0; j < shape->width; j++) {
      double sum = 0;
      for (int32_t e = a->offsets[r]; e < a->offsets[r + 1]; e++)
        sum += entry_value(a, (size_t)e) * (double)x[(ptrdiff_t)a->column[e] * shape->x_row + (ptrdiff_t)j * shape->x_column];
      y[r * shape->width + j] = sum;
    }
  return HeedStatusOk;
}
