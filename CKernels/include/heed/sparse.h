// Products with a sparse matrix in compressed sparse rows (CSR): the sum over neighbours in a graph convolution.
//
// A is [rows, columns] with `entries` entries. Row r has the entries offsets[r] ... offsets[r + 1] - 1; entry e is in column column[e] and
// has the value value[e] (1 if `value` is null). The columns of a row may be in any order, and a column that occurs twice counts twice. X
// and Y are matrices with a stride per row and column, in elements and of any sign; those of X may be 0.
//
//   Y[r, j] <- sum over the entries e of row r, in order, of value[e] X[column[e], j]
//
// Order of summation. Sums are taken in blocks of HEED_SPARSE_BLOCK entries, each from 0, with one fused multiply-add per term (if the
// instruction set has one), and the blocks are added in order. A row without entries gives zeros. Outputs overwrite.
//
// NaN. A row of X that no entry names is not read: NaN in a row of X reaches only the rows of Y that name it.
//
// Bits. The bits of an output depend only on its own terms and on the instruction set, never on threads, the other rows or the other
// columns of X.
//
// Gradients. The gradient of X is A^T times that of Y: call heed_sparse_forward with A^T. heed_sparse_transpose computes A^T in CSR, with
// the entries of a row in ascending order of columns. The values of A have no gradient.
//
// Errors, checked before anything is written: BadShape (overflow), BadStride (distances overflow, or elements of an output overlap),
// BadArgument (a null pointer where data is needed; an A that is not valid CSR: offsets that do not begin at 0, that fall, or that do not
// end at `entries`), BadIndex (one of `column` is out of range), OutOfMemory.

#ifndef HEED_SPARSE_H
#define HEED_SPARSE_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_SPARSE_BLOCK 32 // entries per block of a sum: errors grow with their number

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

// Computes A^T: offsets [columns + 1], column and entry [entries]. Entry i of A^T comes from entry entry[i] of A. `value` [entries]
// receives the values in that order. `entry` and `value` may be null.
HeedStatus heed_sparse_transpose(const HeedSparse *a, int32_t *offsets, int32_t *column, float *value, int32_t *entry);

// ---- Adjacency of a graph convolution (Kipf and Welling 2017) ---------------------------------------------------------------------------
//
//   D^-1/2 (A + I) D^-1/2,   D[r] = sum of row r of A + I
//
// as CSR, computed in float64 and rounded once. A must be square. I adds 1 to the entry on the diagonal (to the first one if there are
// several). A row without such an entry gets one, before its first entry of a higher column. If D[r] is NaN or not above 0, it counts as
// infinite: its factors are 0. `offsets` [rows + 1] receives the offsets of the result. `column` and `value` have room for
// heed_sparse_normalized_capacity entries, and offsets[rows] of them are written. From a dense A [n, n], the entries that are not 0 (also
// NaN) are taken in ascending order of columns.

// Returns entries + rows, or SIZE_MAX if that overflows an int32_t.
size_t heed_sparse_normalized_capacity(size_t rows, size_t entries);
// Returns the number of entries of a dense A that are not 0; SIZE_MAX if A is null although n > 0, and if sizes or distances overflow.
size_t heed_sparse_count_dense(size_t n, const float *a, ptrdiff_t row, ptrdiff_t column);

HeedStatus heed_sparse_normalize(const HeedSparse *a, int32_t *offsets, int32_t *column, float *value);
HeedStatus heed_sparse_normalize_dense(size_t n, const float *a, ptrdiff_t a_row, ptrdiff_t a_column, int32_t *offsets, int32_t *column,
                                       float *value);

#ifdef __cplusplus
}
#endif

#endif
