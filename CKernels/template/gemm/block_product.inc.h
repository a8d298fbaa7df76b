// Register blocks: rows x vectors accumulators,
//
//   sum[r][v] = sum over k in order of A[r * a_row + k * a_column] * B[k * b_row + v * lanes]
//
// A is broadcast from its place in memory, so it may be transposed or strided. B is a panel whose lanes are contiguous. Each lane is a sum
// in order with one multiply-add per term, whatever rows and vectors are: a row or a lane by itself has the same bits as among others.
//
// rows and vectors must be constants (arrays have the size of the largest block: one of variable length would not leave the stack); with
// 4 x 4 of AVX-512 16 sums, 4 loads and a broadcast are live, 21 of 32 registers.

#ifndef HEED_BLOCK_PRODUCT_INC_H
#define HEED_BLOCK_PRODUCT_INC_H

#define BLOCK_ROWS_MOST    (2 * HEED_BLOCK_ROWS)    // blocks of fewer vectors take up to twice the rows
#define BLOCK_VECTORS_MOST (4 * HEED_BLOCK_VECTORS) // of gemm's widest block, a single row

// One term of a register block, which every product is made of: sum <- sum + a * b for all rows and vectors, where `a` is an expression in
// r, `b` one in v and `sum` one in both. A macro, so that the accumulator may be an array of any shape, and the multiply-add one that only
// some callers' processors have; the machine code is that of the loops written out.
#define BLOCK_TERM(rows, vectors, a, b, multiply_add, sum)                                                                                 \
  do {                                                                                                                                     \
    vf panel[BLOCK_VECTORS_MOST];                                                                                                          \
    _Pragma("clang loop unroll(full)") for (int v = 0; v < (vectors); v++) panel[v] = b;                                                   \
    _Pragma("clang loop unroll(full)") for (int r = 0; r < (rows); r++) {                                                                  \
      const vf element = a;                                                                                                                \
      _Pragma("clang loop unroll(full)") for (int v = 0; v < (vectors); v++) sum = multiply_add(element, panel[v], sum);                   \
    }                                                                                                                                      \
  } while (0)

// The sums so far and what comes next.
INLINE_KERNEL void block_product_onto(const int rows, const int vectors, const float *a, ptrdiff_t a_row, ptrdiff_t a_column,
                                      const float *b, ptrdiff_t b_row, size_t depth, vf sum[][HEED_BLOCK_VECTORS]) {
  for (; depth > 0; depth--, a += a_column, b += b_row)
    BLOCK_TERM(rows, vectors, vf_set1(a[r * a_row]), vf_load(b + v * HEED_LANES), vf_accumulate, sum[r][v]);
}

INLINE_KERNEL void block_product(const int rows, const int vectors, const float *a, ptrdiff_t a_row, ptrdiff_t a_column, const float *b,
                                 ptrdiff_t b_row, size_t depth, vf sum[][HEED_BLOCK_VECTORS]) {
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sum[r][v] = vf_zero();
  block_product_onto(rows, vectors, a, a_row, a_column, b, b_row, depth, sum);
}

#endif
