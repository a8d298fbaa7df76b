// block_product for bfloat16 operands converted to float32: rows x vectors sums over `depth` terms by the rule of heed/gemm.h. Operands are
// read where they are, so a chain's next term is two steps away.

#ifndef HEED_BLOCK_PRODUCT_BF16_INC_H
#define HEED_BLOCK_PRODUCT_BF16_INC_H

#include "template/gemm/block_product.inc.h"

#define BLOCK_FLOATS (BLOCK_ROWS_MOST * HEED_BLOCK_VECTORS * HEED_LANES)

// What the first block of a product is added to.
static const float block_zeros[BLOCK_FLOATS];

INLINE_KERNEL void block_keep(const int rows, const int vectors, vf sum[][HEED_BLOCK_VECTORS], float *to) {
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) vf_store(to + (r * vectors + v) * HEED_LANES, sum[r][v]);
}

// sum <- before + sum
INLINE_KERNEL void block_add(const int rows, const int vectors, const float *before, vf sum[][HEED_BLOCK_VECTORS]) {
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) sum[r][v] = vf_add(vf_load(before + (r * vectors + v) * HEED_LANES), sum[r][v]);
}

// A loop over chains, an even and an odd one a block, so that the terms stand in one place of the code: the sums stay in registers.
INLINE_KERNEL void block_product_bf16(const int rows, const int vectors, const float *a, ptrdiff_t a_row, ptrdiff_t a_column,
                                      const float *b, ptrdiff_t b_row, size_t depth, vf sum[][HEED_BLOCK_VECTORS]) {
  float even[BLOCK_FLOATS] __attribute__((aligned(64))), total[BLOCK_FLOATS] __attribute__((aligned(64)));
  const float *before = block_zeros;
  bool odd = false;
  for (size_t left = depth;;) {
    const size_t terms = heed_size_min(left, HEED_GEMM_BF16_KC), chain = (terms + !odd) / 2;
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sum[r][v] = vf_zero();
    const float *x = a, *y = b;
    for (size_t k = chain; k > 0; k--, x += 2 * a_column, y += 2 * b_row)
      BLOCK_TERM(rows, vectors, vf_set1(x[r * a_row]), vf_load(y + v * HEED_LANES), vf_accumulate, sum[r][v]);
    if (!odd) {
      block_keep(rows, vectors, sum, even);
      odd = true;
      if (terms > 0) a += a_column, b += b_row; // nothing may be there, not even an address
      continue;
    }
    block_add(rows, vectors, even, sum);
    block_add(rows, vectors, before, sum);
    odd = false, left -= terms;
    if (left == 0) return;
    block_keep(rows, vectors, sum, total);
    before = total;
    a += (HEED_GEMM_BF16_KC - 1) * a_column, b += (HEED_GEMM_BF16_KC - 1) * b_row;
  }
}

#endif
