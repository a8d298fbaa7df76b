// Matrix product of one tile of C, bfloat16, with the dot product instruction. An element is a pair of terms of one chain
// (gemm_chains.inc.h), 32 bits with the earlier term in the upper half, which the instruction adds first. A is copied into rows of pairs,
// B's rows are interleaved two by two.

#include "template/gemm/gemm_chains.inc.h"
#include "template/gemm/gemm_tile.inc.h"

// As gemm_product, in pairs.
INLINE_KERNEL void gemm_dot(const int rows, const int vectors, const GemmBlock *x, const float *a, const float *b, size_t depth,
                            vf sum[GEMM_SUMS]) {
  const ptrdiff_t a_row = x->a_row, a_column = x->a_column, b_row = x->b_row;
#pragma clang loop unroll(full)
  for (int i = 0; i < rows * vectors; i++) sum[i] = vf_zero();
  for (size_t k = depth; k > 0; k--, a += a_column, b += b_row)
    BLOCK_TERM(rows, vectors, vf_set1(a[r * a_row]), vf_load(b + v * HEED_LANES), vf_dot_bf16, sum[r * vectors + v]);
}

GEMM_DEFINE(GEMM_CHAINS, gemm_dot)

// Terms of k that are there in `pairs` pairs from pair k on.
INLINE_KERNEL size_t gemm_dot_terms(const HeedGemmTile *tile, size_t k, size_t pairs) {
  return heed_size_min(tile->depth - 2 * k, 2 * pairs);
}

// The pairs of a chain of a block of so many terms.
INLINE_KERNEL size_t gemm_dot_chain(size_t terms) { return heed_divide_up(terms, 4); }

// The pairs of a pass one by one: the place of the earlier term of pair `p` of the block that begins with term `first`, and whether it and
// the later one, two terms on, are there.
typedef struct GemmPair {
  size_t term;
  bool upper, lower;
} GemmPair;

INLINE_KERNEL GemmPair gemm_dot_pair(size_t first, size_t p, size_t terms) {
  const size_t chain = gemm_dot_chain(bf16_block_terms(first, terms)), odd = p >= chain, term = first + 4 * (p - odd * chain) + odd;
  return (GemmPair){term, term < terms, term + 2 < terms};
}

// One row of A: terms `step` apart, as its pairs.
INLINE_KERNEL void gemm_dot_row(const uint16_t *a, ptrdiff_t step, size_t terms, uint32_t *to) {
  for (size_t first = 0; first < terms; first += HEED_GEMM_BF16_KC) {
    const size_t there = bf16_block_terms(first, terms), chain = gemm_dot_chain(there);
    uint16_t gathered[HEED_GEMM_BF16_KC];
    const uint16_t *from = a + (ptrdiff_t)first * step;
    if (step != 1) {
      for (size_t i = 0; i < there; i++) gathered[i] = from[(ptrdiff_t)i * step];
      from = gathered;
    }
    const vf pairs = vp_load_terms_n(from, 0, there);
    if (there == HEED_GEMM_BF16_KC) {
      vp_store(to, pairs);
      to += HEED_LANES;
      continue;
    }
    uint32_t all[HEED_LANES];
    vp_store(all, pairs);
    for (size_t i = 0; i < chain; i++) to[i] = all[i], to[chain + i] = all[HEED_LANES / 2 + i];
  }
}

static void gemm_stage_a_dot(const HeedGemmTile *tile, size_t k, float *copy, GemmBlock *block) {
  const size_t pairs = block->depth, rows = tile->rows, terms = gemm_dot_terms(tile, k, pairs);
  const ptrdiff_t step = tile->a_column;
  const uint16_t *a = (const uint16_t *)tile->a + (ptrdiff_t)(2 * k) * step;
  uint32_t *to = (uint32_t *)(void *)copy;
  block->a = copy;
  if (tile->a_row == 1 && rows > 1) {
    block->a_row = 1, block->a_column = (ptrdiff_t)rows;
    for (size_t p = 0; p < pairs; p++, to += rows) {
      const GemmPair pair = gemm_dot_pair(2 * p / HEED_GEMM_BF16_KC * HEED_GEMM_BF16_KC, p % (HEED_GEMM_BF16_KC / 2), terms);
      const uint16_t *upper = pair.upper ? a + (ptrdiff_t)pair.term * step : NULL;
      const uint16_t *lower = pair.lower ? a + (ptrdiff_t)(pair.term + 2) * step : NULL;
      for (size_t r = 0; r < rows; r += HEED_LANES)
        vp_store_n(to + r, vp_interleave_n(upper ? upper + r : NULL, lower ? lower + r : NULL, 0, rows - r), rows - r);
    }
    return;
  }
  block->a_row = (ptrdiff_t)pairs, block->a_column = 1;
  for (size_t r = 0; r < rows; r++, a += tile->a_row, to += pairs) gemm_dot_row(a, step, terms, to);
}

// A panel whose rows along k are contiguous: the pairs of its columns, transposed.
INLINE_KERNEL void gemm_transpose_pairs(const uint16_t *b, ptrdiff_t stride, size_t width, size_t padded, size_t terms, uint32_t *to) {
  for (size_t first = 0; first < terms; first += HEED_GEMM_BF16_KC, to += HEED_LANES * GEMM_NR) {
    const size_t there = bf16_block_terms(first, terms), chain = gemm_dot_chain(there);
    for (size_t lane = 0; lane < padded; lane += HEED_LANES) {
      vf block[HEED_LANES];
#pragma clang loop unroll(full)
      for (size_t c = 0; c < HEED_LANES; c++)
        block[c] = lane + c < width ? vp_load_terms_n(b + (ptrdiff_t)(lane + c) * stride + (ptrdiff_t)first, BF16_PAD, there) : vf_zero();
      vf_transpose(block);
#pragma clang loop unroll(full)
      for (size_t p = 0; p < HEED_LANES / 2; p++) {
        if (p >= chain) continue;
        vp_store(to + p * GEMM_NR + lane, block[p]);
        vp_store(to + (chain + p) * GEMM_NR + lane, block[HEED_LANES / 2 + p]);
      }
    }
  }
}

static void gemm_stage_b_dot(const HeedGemmTile *tile, size_t column, size_t k, float *copy, GemmBlock *block) {
  if (tile->b_layout == HeedGemmLayoutPacked) {
    block->b = gemm_packed(tile, gemm_dot_chain(tile->depth) * 2, column, k);
    block->b_row = HEED_GEMM_NR;
    return;
  }
  const size_t pairs = block->depth, width = block->width, padded = HEED_PADDED(width);
  const size_t terms = gemm_dot_terms(tile, k, pairs);
  const ptrdiff_t row = tile->b_row, step = tile->b_column;
  const uint16_t *b = (const uint16_t *)tile->b + (ptrdiff_t)(2 * k) * row + (ptrdiff_t)column * step;
  uint32_t *to = (uint32_t *)(void *)copy;
  block->b = copy;
  block->b_row = GEMM_NR;
  if (step != 1 && row == 1) {
    gemm_transpose_pairs(b, step, width, padded, terms, to);
    return;
  }
  for (size_t p = 0; p < pairs; p++, to += GEMM_NR) {
    const GemmPair pair = gemm_dot_pair(2 * p / HEED_GEMM_BF16_KC * HEED_GEMM_BF16_KC, p % (HEED_GEMM_BF16_KC / 2), terms);
    const uint16_t *upper = pair.upper ? b + (ptrdiff_t)pair.term * row : NULL;
    const uint16_t *lower = pair.lower ? b + (ptrdiff_t)(pair.term + 2) * row : NULL;
    if (step == 1) {
      for (size_t lane = 0; lane < padded; lane += HEED_LANES)
        vp_store(to + lane, vp_interleave_n(upper ? upper + lane : NULL, lower ? lower + lane : NULL, BF16_PAD, width - lane));
      continue;
    }
    for (size_t lane = 0; lane < padded; lane++) {
      const ptrdiff_t at = (ptrdiff_t)lane * step;
      const uint32_t high = upper && lane < width ? upper[at] : BF16_PAD, low = lower && lane < width ? lower[at] : BF16_PAD;
      to[lane] = high << 16 | low;
    }
  }
}

static const GemmOperation gemm_dot_pairs = {
    &gemm_dot_kernels,          .chains = 2, .terms = 2, .depth = HEED_GEMM_BF16_KC / 2, .reads_packed = true, .stage_a = gemm_stage_a_dot,
    .stage_b = gemm_stage_b_dot};

static size_t gemm_dot_tile_scratch(size_t rows, size_t columns, size_t depth) {
  return gemm_scratch(&gemm_dot_pairs, rows, columns, depth);
}
static void gemm_dot_tile(const HeedGemmTile *tile) { gemm_run(&gemm_dot_pairs, tile); }
static size_t gemm_dot_staged_size(size_t columns, size_t depth) { return gemm_staged_floats(&gemm_dot_pairs, columns, depth); }
static void gemm_dot_stage(const HeedGemmTile *tile, size_t column, float *staged) {
  gemm_stage_panel(&gemm_dot_pairs, tile, column, staged);
}
