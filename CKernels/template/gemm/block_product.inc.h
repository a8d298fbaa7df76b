// The one register block that every product is made of: rows x vectors accumulators,
//
//   sum[r][v] = sum over k in order of A[r * a_row + k * a_column] * B[k * b_row + v * lanes]
//
// A is broadcast from where it lies, so it may be transposed or strided; B is a panel whose lanes are contiguous. Each lane is a sum in
// order with one multiply-add a term, whatever rows and vectors are: a row or a lane alone has the bits it has among others. `paired` takes
// two terms at a time, the second before the first, which is the order of the bfloat16 dot product.
//
// rows, vectors and paired must be constants (arrays have the size of the largest block: one of variable length would not leave the
// stack); with 4 x 4 of AVX-512 16 sums, 4 loads and a broadcast are live, 21 of 32 registers.

#ifndef HEED_BLOCK_PRODUCT_INC_H
#define HEED_BLOCK_PRODUCT_INC_H

#define BLOCK_ROWS_MOST (2 * HEED_BLOCK_ROWS)

INLINE_KERNEL void block_product_term(const int rows, const int vectors, const float *a, ptrdiff_t a_row, const float *b,
                                      vf sum[][HEED_BLOCK_VECTORS]) {
  vf panel[HEED_BLOCK_VECTORS];
#pragma clang loop unroll(full)
  for (int v = 0; v < vectors; v++) panel[v] = vf_load(b + v * HEED_LANES);
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    const vf element = vf_set1(a[r * a_row]);
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sum[r][v] = vf_accumulate(element, panel[v], sum[r][v]);
  }
}

INLINE_KERNEL void block_product(const int rows, const int vectors, const bool paired, const float *a, ptrdiff_t a_row, ptrdiff_t a_column,
                                 const float *b, ptrdiff_t b_row, size_t depth, vf sum[][HEED_BLOCK_VECTORS]) {
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sum[r][v] = vf_zero();
  if (paired)
    for (; depth >= 2; depth -= 2, a += 2 * a_column, b += 2 * b_row) {
      block_product_term(rows, vectors, a + a_column, a_row, b + b_row, sum);
      block_product_term(rows, vectors, a, a_row, b, sum);
    }
  for (; depth > 0; depth--, a += a_column, b += b_row) block_product_term(rows, vectors, a, a_row, b, sum);
}

#endif
