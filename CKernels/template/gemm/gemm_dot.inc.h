// Matrix product of one tile of C, bfloat16, with the dot product instruction. An element is a pair of neighbouring terms of k in 32 bits:
// A is copied into rows of pairs, B's rows are interleaved two by two. A single last term is paired with 0 on both sides.

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

GEMM_DEFINE(gemm_dot)

// Terms of k that are there in `pairs` pairs from pair k on.
INLINE_KERNEL size_t gemm_terms(const HeedGemmTile *tile, size_t k, size_t pairs) { return heed_size_min(tile->depth - 2 * k, 2 * pairs); }

INLINE_KERNEL uint32_t gemm_pair(const uint16_t *x, ptrdiff_t step, bool both) { return both ? x[0] | (uint32_t)x[step] << 16 : x[0]; }

static void gemm_stage_a_dot(const HeedGemmTile *tile, size_t k, float *copy, GemmBlock *block) {
  const size_t pairs = block->depth, rows = tile->rows, terms = gemm_terms(tile, k, pairs);
  const ptrdiff_t step = tile->a_column;
  const uint16_t *a = (const uint16_t *)tile->a + (ptrdiff_t)(2 * k) * step;
  uint32_t *to = (uint32_t *)(void *)copy;
  block->a = copy;
  if (tile->a_row == 1 && rows > 1) {
    block->a_row = 1, block->a_column = (ptrdiff_t)rows;
    for (size_t p = 0; p < pairs; p++, a += 2 * step, to += rows)
      for (size_t r = 0; r < rows; r += HEED_LANES)
        vp_store_n(to + r, vp_interleave_n(a + r, 2 * p + 1 < terms ? a + step + r : NULL, rows - r), rows - r);
    return;
  }
  block->a_row = (ptrdiff_t)pairs, block->a_column = 1;
  for (size_t r = 0; r < rows; r++, a += tile->a_row, to += pairs) {
    size_t p = 0;
    if (step == 1)
      for (; 2 * p + 2 <= terms; p += HEED_LANES) vp_store_n(to + p, vp_load_n(a + 2 * p, terms / 2 - p), terms / 2 - p);
    for (p = step == 1 ? terms / 2 : 0; p < pairs; p++) to[p] = gemm_pair(a + (ptrdiff_t)(2 * p) * step, step, 2 * p + 1 < terms);
  }
}

// A panel whose rows along k are contiguous: its pairs in place, transposed.
INLINE_KERNEL void gemm_transpose_pairs(const uint16_t *b, ptrdiff_t stride, size_t width, size_t padded, size_t terms, uint32_t *to) {
  const size_t whole = terms / 2;
  for (size_t lane = 0; lane < padded; lane += HEED_LANES) {
    for (size_t p = 0; p < whole; p += HEED_LANES) {
      vf block[HEED_LANES];
#pragma clang loop unroll(full)
      for (size_t c = 0; c < HEED_LANES; c++)
        block[c] = lane + c < width ? vp_load_n(b + (ptrdiff_t)(lane + c) * stride + (ptrdiff_t)(2 * p), whole - p) : vf_zero();
      vf_transpose(block);
#pragma clang loop unroll(full)
      for (size_t c = 0; c < HEED_LANES; c++)
        if (p + c < whole) vp_store(to + (p + c) * GEMM_NR + lane, block[c]);
    }
    for (size_t c = 0; terms % 2 && c < HEED_LANES; c++)
      to[whole * GEMM_NR + lane + c] = lane + c < width ? b[(ptrdiff_t)(lane + c) * stride + (ptrdiff_t)(2 * whole)] : 0;
  }
}

static void gemm_stage_b_dot(const HeedGemmTile *tile, size_t column, size_t k, float *copy, GemmBlock *block) {
  if (tile->b_layout == HeedGemmLayoutPacked) {
    block->b = gemm_packed(tile, 2, column, k);
    block->b_row = HEED_GEMM_NR;
    return;
  }
  const size_t pairs = block->depth, width = block->width, padded = HEED_PADDED(width);
  const size_t terms = gemm_terms(tile, k, pairs);
  const ptrdiff_t row = tile->b_row, step = tile->b_column;
  const uint16_t *b = (const uint16_t *)tile->b + (ptrdiff_t)(2 * k) * row + (ptrdiff_t)column * step;
  uint32_t *to = (uint32_t *)(void *)copy;
  block->b = copy;
  block->b_row = GEMM_NR;
  if (step != 1 && row == 1) {
    gemm_transpose_pairs(b, step, width, padded, terms, to);
    return;
  }
  for (size_t p = 0; p < pairs; p++, b += 2 * row, to += GEMM_NR) {
    const bool both = 2 * p + 1 < terms;
    if (step == 1)
      for (size_t lane = 0; lane < padded; lane += HEED_LANES)
        vp_store(to + lane, vp_interleave_n(b + lane, both ? b + row + lane : NULL, width - lane));
    else
      for (size_t lane = 0; lane < padded; lane++) to[lane] = lane < width ? gemm_pair(b + (ptrdiff_t)lane * step, row, both) : 0;
  }
}

static const GemmOperation gemm_dot_pairs = {
    &gemm_dot_kernels,          .terms = 2, .depth = HEED_GEMM_BF16_KC / 2, .reads_packed = true, .stage_a = gemm_stage_a_dot,
    .stage_b = gemm_stage_b_dot};

static size_t gemm_dot_tile_scratch(size_t rows, size_t columns, size_t depth) {
  return gemm_scratch(&gemm_dot_pairs, rows, columns, depth);
}
static void gemm_dot_tile(const HeedGemmTile *tile) { gemm_run(&gemm_dot_pairs, tile); }
static size_t gemm_dot_staged_size(size_t columns, size_t depth) { return gemm_staged_floats(&gemm_dot_pairs, columns, depth); }
static void gemm_dot_stage(const HeedGemmTile *tile, size_t column, float *staged) {
  gemm_stage_panel(&gemm_dot_pairs, tile, column, staged);
}
