// Products with a sparse matrix in compressed sparse rows (CSR): the neighbourhood sum of graph convolution.
//
// A is [rows, columns] with `entries` entries; those of row r are entries offsets[r] ... offsets[r + 1] - 1, of columns column[e] and
// values value[e] (1 where `value` is null). Columns of a row may come in any order, and one that comes twice counts twice. X and Y are
// matrices with a stride for row and column (in elements, any sign; 0 too for X).
//
//   Y[r, j] <- sum over the entries e of row r in order of value[e] X[column[e], j]
//
// Sums are taken in blocks of HEED_SPARSE_BLOCK entries, each from 0 with one fused multiply-add per term (where the instruction set has
// one), the blocks added in order. A row without entries gives zeros. Outputs overwrite. What no entry names is not read: NaN in a row of X
// reaches only the rows that name it. The bits of an output depend on its own terms and the instruction set, never on threads, the other
// rows or the other columns of X.
//
// The gradient of X is A^T times that of Y: heed_sparse_forward of A^T, which heed_sparse_transpose gives in CSR, entries of a row by
// rising column. A's values have none.
//
// Errors, with nothing touched: BadShape (overflow), BadStride (distances overflow, or elements of an output overlap), BadArgument (a null
// pointer to what is needed; an A that is no CSR: offsets that do not begin at 0, fall, or do not end at `entries`, a column out of
// range), OutOfMemory.

#ifndef HEED_SPARSE_H
#define HEED_SPARSE_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_SPARSE_BLOCK 32 // entries of a row that are summed from zero: errors grow with their number

typedef struct HeedSparse {
  size_t rows, columns, entries;
  const int32_t *offsets; // [rows + 1]
  const int32_t *column;  // [entries]
  const float *value;     // [entries], or null
} HeedSparse;

typedef struct HeedSparseShape {
  size_t width; // columns of X and Y
  ptrdiff_t x_row, x_column;
  ptrdiff_t y_row, y_column;
} HeedSparseShape;

HeedStatus heed_sparse_check(const HeedSparse *a);

HeedStatus heed_sparse_reference_forward(const HeedSparse *a, const HeedSparseShape *shape, const float *x, double *y);
HeedStatus heed_sparse_forward(const HeedSparse *a, const HeedSparseShape *shape, const float *x, float *y);

// offsets [columns + 1], column and entry [entries]: entry[i] is the entry of A that entry i of A^T comes from. `value` [entries] receives
// the values in that order, `entry` and `value` may be null.
HeedStatus heed_sparse_transpose(const HeedSparse *a, int32_t *offsets, int32_t *column, float *value, int32_t *entry);

// ---- Adjacency of a graph convolution (Kipf and Welling 2017) ---------------------------------------------------------------------------
//
//   D^-1/2 (A + I) D^-1/2,   D[r] = sum of row r of A + I
//
// as CSR, computed in float64 and rounded once. An entry on the diagonal has 1 added to it (the first, where there are several); a row
// without one receives it before its first entry of a higher column. D[r] <= 0 or NaN counts as infinite: its factors are 0. A must be
// square. `offsets` [rows + 1] holds the result's; `column` and `value` have room for heed_sparse_normalized_capacity entries, and
// offsets[rows] of them are written. From a dense A [n, n] entries that are not 0 (NaN too) are taken by rising column.

// entries + rows, or SIZE_MAX where that overflows an int32_t.
size_t heed_sparse_normalized_capacity(size_t rows, size_t entries);
// The number of entries of a dense A that are not 0; SIZE_MAX for a null A that has some, and where sizes or distances overflow.
size_t heed_sparse_count_dense(size_t n, const float *a, ptrdiff_t row, ptrdiff_t column);

HeedStatus heed_sparse_normalize(const HeedSparse *a, int32_t *offsets, int32_t *column, float *value);
HeedStatus heed_sparse_normalize_dense(size_t n, const float *a, ptrdiff_t a_row, ptrdiff_t a_column, int32_t *offsets, int32_t *column,
                                       float *value);

#ifdef __cplusplus
}
#endif

#endif
