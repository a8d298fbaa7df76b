// Register blocks of the matrix product of bfloat16 numbers (block_product_bf16.inc.h).

#ifndef HEED_GEMM_CHAINS_INC_H
#define HEED_GEMM_CHAINS_INC_H

#include "template/gemm/block_product_bf16.inc.h"
#include "template/gemm/gemm_block.inc.h"

#define GEMM_CHAIN_MR (HEED_BLOCK_VECTORS == 3 ? 2 : 3) // twice 2 x 3 sums of 16 registers, twice 3 x 4 of 32

// GEMM_BLOCK for two chains, each of whose terms `chains`_multiply_add adds.
#define GEMM_CHAINS_BLOCK(chains)                                                                                                          \
  INLINE_KERNEL void chains##_block(const int rows, const int vectors, const GemmBlock *x) {                                               \
    vf sum[GEMM_SUMS], even[CHAIN_SUMS], odd[CHAIN_SUMS];                                                                                  \
    float totals[CHAIN_FLOATS] __attribute__((aligned(64)));                                                                               \
    const ptrdiff_t a_row = x->a_row, a_column = x->a_column, b_row = x->b_row;                                                            \
    const float *before = x->first ? chain_zeros : x->partial, *a = x->a, *b = x->b;                                                       \
    ptrdiff_t before_row = x->first ? 0 : x->partial_row;                                                                                  \
    gemm_begin(rows, vectors, x);                                                                                                          \
    for (size_t left = x->depth;;) {                                                                                                       \
      const size_t depth = left > x->step ? x->step : left;                                                                                \
      BLOCK_CHAINS(rows, vectors, a, a_row, a_column, b, b_row, depth, chains##_multiply_add, even, odd);                                  \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < rows * vectors; i++) sum[i] = vf_add(even[i], odd[i]);                        \
      if (left == depth) break;                                                                                                            \
      gemm_add(rows, vectors, before, before_row, x->width, sum);                                                                          \
      gemm_keep(rows, vectors, sum, totals);                                                                                               \
      before = totals, before_row = vectors * HEED_LANES;                                                                                  \
      left -= depth;                                                                                                                       \
    }                                                                                                                                      \
    gemm_end(rows, vectors, x, before, before_row, true, sum);                                                                             \
  }
#define GEMM_CHAINS(chains, rows, vectors)                                                                                                 \
  static __attribute__((noinline)) void chains##_##rows##x##vectors(const GemmBlock *x) { chains##_block(rows, vectors, x); }

#if HEED_BLOCK_VECTORS == 3
#define GEMM_CHAINS_FOR_EACH_ROWS(X, chains, vectors) X(chains, 1, vectors) X(chains, 2, vectors)
#else
#define GEMM_CHAINS_FOR_EACH_ROWS(X, chains, vectors) X(chains, 1, vectors) X(chains, 2, vectors) X(chains, 3, vectors)
#endif
#define GEMM_CHAINS_BLOCKS(vectors, chains) GEMM_CHAINS_FOR_EACH_ROWS(GEMM_CHAINS, chains, vectors)
#define GEMM_CHAINS_NAMES(vectors, chains)  {GEMM_CHAINS_FOR_EACH_ROWS(GEMM_NAME, chains, vectors)},
// Defines the blocks of two chains, and chains_kernels. There are no wide ones: they would need B in place and more registers.
#define GEMM_CHAINS_DEFINE(chains)                                                                                                         \
  GEMM_CHAINS_BLOCK(chains)                                                                                                                \
  HEED_FOR_EACH_VECTORS(GEMM_CHAINS_BLOCKS, chains)                                                                                        \
  static const GemmKernels chains##_kernels = {{HEED_FOR_EACH_VECTORS(GEMM_CHAINS_NAMES, chains)}, {NULL}};

#endif
