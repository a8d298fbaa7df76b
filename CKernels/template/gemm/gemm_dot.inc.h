// Matrix product of one tile of C, bfloat16, with the dot product instruction. An element is a pair of terms of one chain
// (block_product_bf16.inc.h): of each four terms the first and the third, then the second and the fourth, the earlier one in the upper half
// of 32 bits, which the instruction adds first. A is copied into rows of pairs, B's rows are interleaved two by two.
//
// Where a pair has no term, +0 stands in A and -0 in B: their product is -0, and adding that changes no sum, not even the sign of a zero.

#include "template/gemm/gemm_chains.inc.h"
#include "template/gemm/gemm_tile.inc.h"

INLINE_KERNEL vf gemm_dot_multiply_add(vf a, vf b, vf c) { return vf_dot_bf16(a, b, c); }
GEMM_CHAINS_DEFINE(gemm_dot)

#define PAIR_TERMS (2 * HEED_LANES) // that a vector holds
#define PAIR_PAD   0x8000           // -0, what B has in place of a term that is not there

// Terms of k that are there in `pairs` pairs from pair k on.
INLINE_KERNEL size_t gemm_dot_terms(const HeedGemmTile *tile, size_t k, size_t pairs) {
  return heed_size_min(tile->depth - 2 * k, 2 * pairs);
}

// The earlier term of pair p; the later one is two further on.
INLINE_KERNEL size_t gemm_dot_term(size_t p) { return p / 2 * 4 + p % 2; }

INLINE_KERNEL const uint16_t *gemm_dot_at(const uint16_t *x, ptrdiff_t step, size_t term, size_t terms) {
  return term < terms ? x + (ptrdiff_t)term * step : NULL;
}

// One row of A: terms `step` apart, as its pairs.
INLINE_KERNEL void gemm_dot_row(const uint16_t *a, ptrdiff_t step, size_t terms, size_t pairs, uint32_t *to) {
  for (size_t first = 0; first < terms; first += PAIR_TERMS) {
    const size_t there = heed_size_min(terms - first, PAIR_TERMS);
    uint16_t gathered[PAIR_TERMS];
    const uint16_t *from = a + (ptrdiff_t)first * step;
    if (step != 1) {
      for (size_t i = 0; i < there; i++) gathered[i] = from[(ptrdiff_t)i * step];
      from = gathered;
    }
    vp_store_n(to + first / 2, vp_load_terms_n(from, 0, there), pairs - first / 2);
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
      const uint16_t *upper = gemm_dot_at(a, step, gemm_dot_term(p), terms), *lower = gemm_dot_at(a, step, gemm_dot_term(p) + 2, terms);
      for (size_t r = 0; r < rows; r += HEED_LANES)
        vp_store_n(to + r, vp_interleave_n(upper ? upper + r : NULL, lower ? lower + r : NULL, 0, rows - r), rows - r);
    }
    return;
  }
  block->a_row = (ptrdiff_t)pairs, block->a_column = 1;
  for (size_t r = 0; r < rows; r++, a += tile->a_row, to += pairs) gemm_dot_row(a, step, terms, pairs, to);
}

// A panel whose rows along k are contiguous: the pairs of its columns, transposed.
INLINE_KERNEL void gemm_transpose_pairs(const uint16_t *b, ptrdiff_t stride, size_t width, size_t padded, size_t terms, size_t pairs,
                                        uint32_t *to) {
  for (size_t lane = 0; lane < padded; lane += HEED_LANES)
    for (size_t p = 0; p < pairs; p += HEED_LANES) {
      vf block[HEED_LANES];
#pragma clang loop unroll(full)
      for (size_t c = 0; c < HEED_LANES; c++)
        block[c] = lane + c < width ? vp_load_terms_n(b + (ptrdiff_t)(lane + c) * stride + (ptrdiff_t)(2 * p), PAIR_PAD, terms - 2 * p)
                                    : vf_zero();
      vf_transpose(block);
#pragma clang loop unroll(full)
      for (size_t c = 0; c < HEED_LANES; c++)
        if (p + c < pairs) vp_store(to + (p + c) * GEMM_NR + lane, block[c]);
    }
}

static void gemm_stage_b_dot(const HeedGemmTile *tile, size_t column, size_t k, float *copy, GemmBlock *block) {
  if (tile->b_layout == HeedGemmLayoutPacked) {
    block->b = gemm_packed(tile, heed_divide_up(tile->depth, 4) * 2, column, k);
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
    gemm_transpose_pairs(b, step, width, padded, terms, pairs, to);
    return;
  }
  for (size_t p = 0; p < pairs; p++, to += GEMM_NR) {
    const uint16_t *upper = gemm_dot_at(b, row, gemm_dot_term(p), terms), *lower = gemm_dot_at(b, row, gemm_dot_term(p) + 2, terms);
    if (step == 1) {
      for (size_t lane = 0; lane < padded; lane += HEED_LANES)
        vp_store(to + lane, vp_interleave_n(upper ? upper + lane : NULL, lower ? lower + lane : NULL, PAIR_PAD, width - lane));
      continue;
    }
    for (size_t lane = 0; lane < padded; lane++) {
      const ptrdiff_t at = (ptrdiff_t)lane * step;
      const uint32_t high = upper && lane < width ? upper[at] : PAIR_PAD, low = lower && lane < width ? lower[at] : PAIR_PAD;
      to[lane] = high << 16 | low;
    }
  }
}

static const GemmOperation gemm_dot_pairs = {
    &gemm_dot_kernels,           .mr = GEMM_CHAIN_MR,        .terms = 2, .depth = HEED_GEMM_BF16_KC / 2, .reads_packed = true,
    .stage_a = gemm_stage_a_dot, .stage_b = gemm_stage_b_dot};

static size_t gemm_dot_tile_scratch(size_t rows, size_t columns, size_t depth) {
  return gemm_scratch(&gemm_dot_pairs, rows, columns, depth);
}
static void gemm_dot_tile(const HeedGemmTile *tile) { gemm_run(&gemm_dot_pairs, tile); }
static size_t gemm_dot_staged_size(size_t columns, size_t depth) { return gemm_staged_floats(&gemm_dot_pairs, columns, depth); }
static void gemm_dot_stage(const HeedGemmTile *tile, size_t column, float *staged) {
  gemm_stage_panel(&gemm_dot_pairs, tile, column, staged);
}
