// The normalised adjacency of a graph convolution: float64, one thread, once a graph.

#include <math.h>

#include "checks/sparse_checks.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"

static double entry_value(const HeedSparse *a, size_t e) { return a->value ? (double)a->value[e] : 1; }

size_t heed_sparse_normalized_capacity(size_t rows, size_t entries) {
  const size_t capacity = heed_size_sum(rows, entries);
  return capacity <= INT32_MAX ? capacity : SIZE_MAX;
}

size_t heed_sparse_count_dense(size_t n, const float *a, ptrdiff_t row, ptrdiff_t column) {
  HEED_FLOAT_MODE();
  const HeedArray x = {2, {n, n}, {row, column}};
  if (!heed_array_sizes_fit(&x) || !heed_array_distances_fit(&x, sizeof(float)) || (n > 0 && !a)) return SIZE_MAX;
  size_t count = 0;
  for (size_t r = 0; r < n; r++)
    for (size_t c = 0; c < n; c++) count += a[(ptrdiff_t)r * row + (ptrdiff_t)c * column] != 0;
  return count;
}

// factor[r] <- D[r]^-1/2
static void find_factors(const HeedSparse *a, double *factor) {
  for (size_t r = 0; r < a->rows; r++) {
    double degree = 1;
    for (int32_t e = a->offsets[r]; e < a->offsets[r + 1]; e++) degree += entry_value(a, (size_t)e);
    factor[r] = degree > 0 ? 1 / sqrt(degree) : 0;
  }
}

static bool has_diagonal(const HeedSparse *a, size_t r) {
  for (int32_t e = a->offsets[r]; e < a->offsets[r + 1]; e++)
    if ((size_t)a->column[e] == r) return true;
  return false;
}

static float scaled(double value, double left, double right) { return left == 0 || right == 0 ? 0 : (float)(left * value * right); }

HeedStatus heed_sparse_normalize(const HeedSparse *a, int32_t *offsets, int32_t *column, float *value) {
  HEED_ENTRY();
  const HeedStatus status = heed_sparse_check(a);
  if (status != HeedStatusOk) return status;
  if (a->rows != a->columns || heed_sparse_normalized_capacity(a->rows, a->entries) == SIZE_MAX) return HeedStatusBadShape;
  if (!offsets || (a->rows > 0 && (!column || !value))) return HeedStatusBadArgument;
  double *factor = heed_scratch_push(heed_size_product(a->rows + 1, sizeof(double)));
  if (!factor) return HeedStatusOutOfMemory;
  find_factors(a, factor);
  int32_t to = 0;
  for (size_t r = 0; r < a->rows; r++) {
    bool in_row = has_diagonal(a, r), added = false;
    offsets[r] = to;
    for (int32_t e = a->offsets[r]; e <= a->offsets[r + 1]; e++) {
      const bool at_end = e == a->offsets[r + 1];
      if (!in_row && (at_end || (size_t)a->column[e] > r)) { // the diagonal's place
        column[to] = (int32_t)r;
        value[to++] = scaled(1, factor[r], factor[r]);
        in_row = added = true;
      }
      if (at_end) break;
      const size_t c = (size_t)a->column[e];
      column[to] = (int32_t)c;
      value[to++] = scaled(entry_value(a, (size_t)e) + (c == r && !added ? 1 : 0), factor[r], factor[c]);
      added |= c == r;
    }
  }
  offsets[a->rows] = to;
  heed_scratch_pop(factor);
  return HeedStatusOk;
}

HeedStatus heed_sparse_normalize_dense(size_t n, const float *a, ptrdiff_t a_row, ptrdiff_t a_column, int32_t *offsets, int32_t *column,
                                       float *value) {
  HEED_ENTRY();
  const HeedStatus status = heed_sparse_check_matrix(n, n, a_row, a_column, false);
  if (status != HeedStatusOk) return status;
  if (n > 0 && !a) return HeedStatusBadArgument;
  if (n >= INT32_MAX) return HeedStatusBadShape;
  const size_t entries = n > 0 ? heed_sparse_count_dense(n, a, a_row, a_column) : 0;
  if (heed_sparse_normalized_capacity(n, entries) == SIZE_MAX) return HeedStatusBadShape;
  int32_t *memory = heed_scratch_push(heed_size_product(heed_size_sum(n + 1, 2 * entries), sizeof(int32_t)));
  if (!memory) return HeedStatusOutOfMemory;
  int32_t *const columns = memory + n + 1;
  float *const values = (float *)(void *)(columns + entries);
  size_t to = 0;
  memory[0] = 0;
  for (size_t r = 0; r < n; r++) {
    for (size_t c = 0; c < n; c++) {
      const float x = a[(ptrdiff_t)r * a_row + (ptrdiff_t)c * a_column];
      if (x != 0) columns[to] = (int32_t)c, values[to++] = x;
    }
    memory[r + 1] = (int32_t)to;
  }
  const HeedSparse sparse = {n, n, entries, memory, columns, values};
  const HeedStatus result = heed_sparse_normalize(&sparse, offsets, column, value);
  heed_scratch_pop(memory);
  return result;
}
