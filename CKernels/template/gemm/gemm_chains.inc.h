// Register blocks of the matrix product of bfloat16 numbers (the rule: heed/gemm.h).
//
// Operands are staged so that each block of k holds the elements of its even terms, then as many of its odd terms: two chains of elements
// that are read one after the other. A register block sums one chain, puts it aside, sums the other, and adds both to the total, which is
// in the first-level cache. So both chains have all registers: with 4 x 3 sums, AVX2's registers would not hold a second set of them.
//
// Where a chain has no term for an element, +0 stands in A and -0 in B: their product is -0, and adding -0 changes no sum, not even the
// sign of a zero.

#ifndef HEED_GEMM_CHAINS_INC_H
#define HEED_GEMM_CHAINS_INC_H

#include "template/gemm/gemm_block.inc.h"

#define BF16_PAD 0x8000 // -0, what B has in place of a term that is not there

// The terms of the block of k that begins with term `first` of `depth`.
INLINE_KERNEL size_t bf16_block_terms(size_t first, size_t depth) { return heed_size_min(depth - first, HEED_GEMM_BF16_KC); }

// What the first block of a product is added to.
static const float gemm_zeros[GEMM_SUMS * HEED_LANES];

// GEMM_BLOCK for two chains. The product stands in one place of the code here too.
#define GEMM_CHAINS(chain, rows, vectors)                                                                                                  \
  static __attribute__((noinline)) void chain##_##rows##x##vectors(const GemmBlock *x) {                                                   \
    vf sum[GEMM_SUMS];                                                                                                                     \
    float even[GEMM_SUMS * HEED_LANES] __attribute__((aligned(64))), totals[GEMM_SUMS * HEED_LANES] __attribute__((aligned(64)));          \
    const float *before = x->first ? gemm_zeros : x->partial, *a = x->a, *b = x->b;                                                        \
    ptrdiff_t before_row = x->first ? 0 : x->partial_row;                                                                                  \
    bool odd = false;                                                                                                                      \
    gemm_begin(rows, vectors, x);                                                                                                          \
    for (size_t left = x->depth;;) {                                                                                                       \
      const size_t depth = (left > x->step ? x->step : left) / 2;                                                                          \
      chain(rows, vectors, x, a, b, depth, sum);                                                                                           \
      a += (ptrdiff_t)depth * x->a_column, b += (ptrdiff_t)depth * x->b_row;                                                               \
      if (!odd) {                                                                                                                          \
        gemm_keep(rows, vectors, sum, even);                                                                                               \
        odd = true;                                                                                                                        \
        continue;                                                                                                                          \
      }                                                                                                                                    \
      gemm_add(rows, vectors, even, vectors *HEED_LANES, vectors *HEED_LANES, sum);                                                        \
      odd = false, left -= 2 * depth;                                                                                                      \
      if (left == 0) break;                                                                                                                \
      gemm_add(rows, vectors, before, before_row, x->width, sum);                                                                          \
      gemm_keep(rows, vectors, sum, totals);                                                                                               \
      before = totals, before_row = vectors * HEED_LANES;                                                                                  \
    }                                                                                                                                      \
    gemm_end(rows, vectors, x, before, before_row, true, sum);                                                                             \
  }

#endif
