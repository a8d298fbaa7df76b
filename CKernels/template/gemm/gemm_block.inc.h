// Register blocks of the matrix product: rows x vectors sums of A B over a block of k, and how they are stored.
//
// Columns of B stand in the lanes, elements of A are broadcast. With AVX-512 a block of 6 rows x 4 vectors takes 24 sums, 4 loads and a
// broadcast, 29 of 32 registers, and reads a panel at 11 bytes a multiply-add; 4 rows would read 16.

#ifndef HEED_GEMM_BLOCK_INC_H
#define HEED_GEMM_BLOCK_INC_H

#include "template/activation.inc.h"

// rows x vectors sums, as many loads as vectors and a broadcast must fit the registers: 6 x 4 of 32, 4 x 3 or 6 x 2 of 16.
#define GEMM_MR   (HEED_BLOCK_VECTORS == 3 ? 4 : 6)
#define GEMM_SUMS 24 // of the largest block
#define GEMM_NR   (HEED_LANES * HEED_BLOCK_VECTORS)
// Blocks of k in a pass over it, between which sums do not leave the first-level cache. A panel of a pass must fit there together with A:
// 24 KiB with AVX2 (256 terms of 24 columns), whose small register blocks visit C more often than they can afford: 75 % of peak with one
// block, 84 with four (1024, two threads, Zen 4); 32 KiB with AVX-512, which gains 1 % at 512 and 6 at 128.
#define GEMM_PASS_BLOCKS (HEED_BLOCK_VECTORS == 4 ? 2 : 4)
// The same in elements of 4 bytes, also where blocks are shorter.
#define GEMM_PASS (HEED_GEMM_KC * GEMM_PASS_BLOCKS)

// One register block. An element is a term in float32, or a pair of bfloat16 terms in as many bytes.
typedef struct GemmBlock {
  const float *a, *b;
  ptrdiff_t a_row, a_column, b_row;
  size_t depth, width; // depth: elements along k; width: columns of C, at most the lanes of the block
  size_t step;         // elements of a block of k, which is summed from zero
  bool first, last;    // of the passes over k
  float *partial;      // sums of the passes so far
  ptrdiff_t partial_row;
  float *c;
  ptrdiff_t c_row, c_column;
  float alpha, beta;
  const float *bias;
  ptrdiff_t bias_row, bias_column; // 0 where there is none
  HeedActivation activation;
  bool biased, plain; // plain: the end is alpha and contiguous columns, nothing else
} GemmBlock;

// Bias of `count` lanes from `bias` on.
INLINE_KERNEL vf gemm_bias(const float *bias, ptrdiff_t stride, size_t count) {
  if (stride == 1) return vf_load_n(bias, count);
  if (stride == 0) return vf_set1(*bias);
  float lanes[HEED_LANES] = {0};
  for (size_t i = 0; i < count; i++) lanes[i] = bias[(ptrdiff_t)i * stride];
  return vf_load(lanes);
}

// The end of a pass that is not plain: tails of C, columns that are not contiguous, beta, bias, activation.
static __attribute__((noinline)) void gemm_finish(const GemmBlock *x, int rows, int vectors, const float *sums) {
  for (int r = 0; r < rows; r++) {
    for (int v = 0; v < vectors; v++, sums += HEED_LANES) {
      const size_t lane = (size_t)v * HEED_LANES, left = x->width > lane ? x->width - lane : 0;
      const size_t count = heed_size_min(left, HEED_LANES);
      if (count == 0) continue;
      float *partial = x->partial + r * x->partial_row + lane;
      float *c = x->c + r * x->c_row + (ptrdiff_t)lane * x->c_column;
      vf value = vf_load(sums);
      if (!x->last) {
        vf_store_n(partial, value, count);
        continue;
      }
      value = vf_mul(value, vf_set1(x->alpha));
      float lanes[HEED_LANES] = {0};
      if (x->beta != 0.0f) {
        for (size_t i = 0; i < count; i++) lanes[i] = c[(ptrdiff_t)i * x->c_column];
        value = vf_fma(vf_set1(x->beta), vf_load(lanes), value);
      }
      if (x->biased) value = vf_add(value, gemm_bias(x->bias + r * x->bias_row + (ptrdiff_t)lane * x->bias_column, x->bias_column, count));
      if (x->activation != HeedActivationNone) value = activate(x->activation, value);
      if (x->c_column == 1) {
        vf_store_n(c, value, count);
        continue;
      }
      vf_store(lanes, value);
      for (size_t i = 0; i < count; i++) c[(ptrdiff_t)i * x->c_column] = lanes[i];
    }
  }
}

// The sums so far are in the second-level cache or beyond, and are prefetched during the product.
INLINE_KERNEL void gemm_begin(const int rows, const int vectors, const GemmBlock *x) {
  if (x->first) return;
#pragma clang loop unroll(full)
  for (int i = 0; i < rows * vectors; i++) __builtin_prefetch(x->partial + i / vectors * x->partial_row + i % vectors * HEED_LANES, 1);
}

// sum <- before + sum; lanes from `width` on are of no interest, and may not be there.
INLINE_KERNEL void gemm_add(const int rows, const int vectors, const float *before, ptrdiff_t before_row, size_t width, vf sum[GEMM_SUMS]) {
  if (width == (size_t)vectors * HEED_LANES) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows * vectors; i++) sum[i] = vf_add(vf_load(before + i / vectors * before_row + i % vectors * HEED_LANES), sum[i]);
    return;
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows * vectors; i++) {
    const size_t lane = (size_t)(i % vectors) * HEED_LANES;
    if (lane < width) sum[i] = vf_add(vf_load_n(before + i / vectors * before_row + (ptrdiff_t)lane, width - lane), sum[i]);
  }
}

INLINE_KERNEL void gemm_keep(const int rows, const int vectors, const vf sum[GEMM_SUMS], float *totals) {
#pragma clang loop unroll(full)
  for (int i = 0; i < rows * vectors; i++) vf_store(totals + i * HEED_LANES, sum[i]);
}

// The end of a pass, whose last block is `sum`. If there are earlier sums (`some`), they are added.
INLINE_KERNEL void gemm_end(const int rows, const int vectors, const GemmBlock *x, const float *before, ptrdiff_t before_row, bool some,
                            vf sum[GEMM_SUMS]) {
  const bool whole = x->width == (size_t)vectors * HEED_LANES;
  if (some) gemm_add(rows, vectors, before, before_row, x->width, sum);
  if (!whole || (x->last && !x->plain)) {
    float sums[GEMM_SUMS * HEED_LANES];
    gemm_keep(rows, vectors, sum, sums);
    gemm_finish(x, rows, vectors, sums);
    return;
  }
  const vf alpha = vf_set1(x->last ? x->alpha : 1.0f);
  float *const target = x->last ? x->c : x->partial;
  const ptrdiff_t target_row = x->last ? x->c_row : x->partial_row;
#pragma clang loop unroll(full)
  for (int i = 0; i < rows * vectors; i++) vf_store(target + i / vectors * target_row + i % vectors * HEED_LANES, vf_mul(sum[i], alpha));
}

typedef void (*GemmBlockKernel)(const GemmBlock *);

// The register blocks of one way to multiply. One or two rows by themselves would leave the multipliers waiting and read B in short pieces:
// they take several panels at a time where that is possible.
typedef struct GemmKernels {
  GemmBlockKernel blocks[4][6]; // [vectors - 1][rows - 1]
  GemmBlockKernel wide[2];      // [rows - 1], where B may be read in place
} GemmKernels;

// A block has its product in one place of the code: where it has two, the compiler keeps the sums of one of them on the stack.
#define GEMM_BLOCK(product, rows, vectors)                                                                                                 \
  static __attribute__((noinline)) void product##_##rows##x##vectors(const GemmBlock *x) {                                                 \
    vf sum[GEMM_SUMS];                                                                                                                     \
    float totals[GEMM_SUMS * HEED_LANES];                                                                                                  \
    const float *before = x->partial, *a = x->a, *b = x->b;                                                                                \
    ptrdiff_t before_row = x->partial_row;                                                                                                 \
    bool some = !x->first;                                                                                                                 \
    gemm_begin(rows, vectors, x);                                                                                                          \
    for (size_t left = x->depth;;) {                                                                                                       \
      const size_t depth = GEMM_PASS_BLOCKS > 1 && left > x->step ? x->step : left;                                                        \
      product(rows, vectors, x, a, b, depth, sum);                                                                                         \
      if (GEMM_PASS_BLOCKS == 1 || left == depth) break;                                                                                   \
      if (some) gemm_add(rows, vectors, before, before_row, x->width, sum);                                                                \
      gemm_keep(rows, vectors, sum, totals);                                                                                               \
      before = totals, before_row = vectors * HEED_LANES, some = true;                                                                     \
      a += (ptrdiff_t)depth * x->a_column, b += (ptrdiff_t)depth * x->b_row, left -= depth;                                                \
    }                                                                                                                                      \
    gemm_end(rows, vectors, x, before, before_row, some, sum);                                                                             \
  }
#define GEMM_NAME(product, rows, vectors) product##_##rows##x##vectors,
// X(product, rows, vectors) for 1 ... 6 rows.
#define GEMM_FOR_EACH_ROWS(X, product, vectors)                                                                                            \
  X(product, 1, vectors) X(product, 2, vectors) X(product, 3, vectors) X(product, 4, vectors) X(product, 5, vectors) X(product, 6, vectors)
#define GEMM_BLOCKS(vectors, product) GEMM_FOR_EACH_ROWS(GEMM_BLOCK, product, vectors)
#define GEMM_NAMES(vectors, product)  {GEMM_FOR_EACH_ROWS(GEMM_NAME, product, vectors)},
#if HEED_BLOCK_VECTORS == 4
#define GEMM_FOR_EACH_WIDE(X, product) X(product, 1, 16) X(product, 2, 8)
#else
#define GEMM_FOR_EACH_WIDE(X, product) X(product, 1, 8) X(product, 2, 4)
#endif
// Defines the blocks of a product and product_kernels.
#define GEMM_DEFINE(product)                                                                                                               \
  HEED_FOR_EACH_VECTORS(GEMM_BLOCKS, product)                                                                                              \
  GEMM_FOR_EACH_WIDE(GEMM_BLOCK, product)                                                                                                  \
  static const GemmKernels product##_kernels = {{HEED_FOR_EACH_VECTORS(GEMM_NAMES, product)}, {GEMM_FOR_EACH_WIDE(GEMM_NAME, product)}};
#define GEMM_WIDE_VECTORS(product, rows, vectors) vectors,
static const size_t gemm_wide_vectors[] = {GEMM_FOR_EACH_WIDE(GEMM_WIDE_VECTORS, )};

#endif
