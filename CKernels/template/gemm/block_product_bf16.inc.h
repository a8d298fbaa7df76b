// Register blocks of products of bfloat16 numbers, by the rule of heed/gemm.h.
//
// Elements along k alternate between the two chains of a block: even terms and odd ones as float32, or pairs of them (gemm_dot.inc.h). Both
// chains are summed at once, in registers, so a block has half as many rows as one of float32: with 2 x 3 and twice 6 sums, AVX2's
// registers are full. Blocks of 4 x 3 that summed one chain after the other had to store the first one's sums, and were slower by 5 %
// (operands in the first-level cache, Zen 3).

#ifndef HEED_BLOCK_PRODUCT_BF16_INC_H
#define HEED_BLOCK_PRODUCT_BF16_INC_H

#include "template/gemm/block_product.inc.h"

#define CHAIN_SUMS   16 // of one chain of the largest block
#define CHAIN_FLOATS (CHAIN_SUMS * HEED_LANES)

// What the first block of a product is added to.
static const float chain_zeros[CHAIN_FLOATS];

// Both chains of a block of k of `depth` elements, from zero: even[r * vectors + v], and odd. Moves `a` and `b` on.
#define BLOCK_CHAINS(rows, vectors, a, a_row, a_column, b, b_row, depth, multiply_add, even, odd)                                          \
  do {                                                                                                                                     \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < (rows) * (vectors); i++) even[i] = odd[i] = vf_zero();                          \
    size_t k = depth;                                                                                                                      \
    for (; k >= 2; k -= 2, a += 2 * a_column, b += 2 * b_row) {                                                                            \
      BLOCK_TERM(rows, vectors, vf_set1(a[r * a_row]), vf_load(b + v * HEED_LANES), multiply_add, even[r * (vectors) + v]);                \
      BLOCK_TERM(rows, vectors, vf_set1((a + a_column)[r * a_row]), vf_load(b + b_row + v * HEED_LANES), multiply_add,                     \
                 odd[r * (vectors) + v]);                                                                                                  \
    }                                                                                                                                      \
    if (k > 0) {                                                                                                                           \
      BLOCK_TERM(rows, vectors, vf_set1(a[r * a_row]), vf_load(b + v * HEED_LANES), multiply_add, even[r * (vectors) + v]);                \
      a += a_column, b += b_row;                                                                                                           \
    }                                                                                                                                      \
  } while (0)

// block_product in chains: `step` elements are a block of k.
#define BLOCK_PRODUCT_CHAINS(name, step, multiply_add)                                                                                     \
  INLINE_KERNEL void name(const int rows, const int vectors, const float *a, ptrdiff_t a_row, ptrdiff_t a_column, const float *b,          \
                          ptrdiff_t b_row, size_t depth, vf sum[][HEED_BLOCK_VECTORS]) {                                                   \
    float total[CHAIN_FLOATS] __attribute__((aligned(64)));                                                                                \
    const float *before = chain_zeros;                                                                                                     \
    for (size_t left = depth;;) {                                                                                                          \
      const size_t elements = left < (step) ? left : (step);                                                                               \
      vf even[CHAIN_SUMS], odd[CHAIN_SUMS];                                                                                                \
      BLOCK_CHAINS(rows, vectors, a, a_row, a_column, b, b_row, elements, multiply_add, even, odd);                                        \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < rows * vectors; i++) sum[i / vectors][i % vectors] =                          \
          vf_add(vf_load(before + i * HEED_LANES), vf_add(even[i], odd[i]));                                                               \
      left -= elements;                                                                                                                    \
      if (left == 0) return;                                                                                                               \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < rows * vectors; i++)                                                          \
          vf_store(total + i * HEED_LANES, sum[i / vectors][i % vectors]);                                                                 \
      before = total;                                                                                                                      \
    }                                                                                                                                      \
  }

BLOCK_PRODUCT_CHAINS(block_product_bf16, HEED_GEMM_BF16_KC, vf_accumulate)

// The rows of a block of so many vectors: what the registers hold twice, a power of 2.
INLINE_KERNEL int chain_rows(const int vectors) { return 8 * vectors <= HEED_BLOCK_ROWS * HEED_BLOCK_VECTORS ? 4 : 2; }

#endif
