// Matrix product of one tile of C, bfloat16, without the dot product instruction: operands are converted to float32 as they are staged, in
// the order of their chains (gemm_chains.inc.h).

#include "template/gemm/gemm_chains.inc.h"
#include "template/gemm/gemm_tile.inc.h"

INLINE_KERNEL float bf16_value(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

INLINE_KERNEL void gemm_chain(const int rows, const int vectors, const GemmBlock *x, const float *a, const float *b, size_t depth,
                              vf sum[GEMM_SUMS]) {
  gemm_product(rows, vectors, x, a, b, depth, sum);
}

GEMM_DEFINE(GEMM_CHAINS, gemm_chain)

// The place of term k of `depth`: in its block the even terms come first.
INLINE_KERNEL size_t gemm_place(size_t k, size_t depth) {
  const size_t first = k / HEED_GEMM_BF16_KC * HEED_GEMM_BF16_KC, chain = (bf16_block_terms(first, depth) + 1) / 2;
  return first + k % 2 * chain + (k - first) / 2;
}

// The terms that a pass from term k on has; where they are odd in number, the last element is a pad.
INLINE_KERNEL size_t gemm_bf16_terms(const HeedGemmTile *tile, size_t k, size_t elements) {
  return heed_size_min(tile->depth - k, elements);
}

static void gemm_stage_a_bf16(const HeedGemmTile *tile, size_t k, float *copy, GemmBlock *block) {
  const uint16_t *a = (const uint16_t *)tile->a + (ptrdiff_t)k * tile->a_column;
  const size_t depth = block->depth, rows = tile->rows, terms = gemm_bf16_terms(tile, k, depth);
  block->a = copy;
  if (tile->a_row == 1 && rows > 1) {
    block->a_row = 1, block->a_column = (ptrdiff_t)rows;
    for (size_t i = 0; i < terms; i++) {
      const uint16_t *from = a + (ptrdiff_t)i * tile->a_column;
      float *to = copy + gemm_place(i, terms) * rows;
      for (size_t r = 0; r < rows; r += HEED_LANES) vf_store_n(to + r, vf_load_bf16_n(from + r, rows - r), rows - r);
    }
    for (size_t r = 0; terms < depth && r < rows; r++) copy[terms * rows + r] = 0.0f;
    return;
  }
  block->a_row = (ptrdiff_t)depth, block->a_column = 1;
  for (size_t r = 0; r < rows; r++, a += tile->a_row, copy += depth) {
    const ptrdiff_t step = tile->a_column;
    size_t first = 0;
    if (step == 1)
      for (; first + HEED_GEMM_BF16_KC <= terms; first += HEED_GEMM_BF16_KC)
#pragma clang loop unroll(full)
        for (size_t t = 0; t < HEED_GEMM_BF16_KC / 2; t += HEED_LANES) {
          vf_store(copy + first + t, vf_load_bf16_even(a + first + 2 * t));
          vf_store(copy + first + HEED_GEMM_BF16_KC / 2 + t, vf_load_bf16_odd(a + first + 2 * t));
        }
    for (; first < terms; first += HEED_GEMM_BF16_KC) {
      const size_t end = first + bf16_block_terms(first, terms);
      float *to = copy + first;
      for (size_t odd = 0; odd < 2; odd++)
        for (size_t i = first + odd; i < end; i += 2) *to++ = bf16_value(a[(ptrdiff_t)i * step]);
    }
    if (terms < depth) copy[terms] = 0.0f;
  }
}

// `chain` terms of one chain out of packed pairs, of which the upper half is the earlier term.
INLINE_KERNEL void gemm_unpack_chain(const float *packed, size_t chain, size_t padded, float *copy) {
  for (size_t i = 0; i < chain; i++, copy += GEMM_NR)
    for (size_t lane = 0; lane < padded; lane++) {
      uint32_t pair;
      __builtin_memcpy(&pair, packed + i / 2 * HEED_GEMM_NR + lane, sizeof pair);
      copy[lane] = bf16_value((uint16_t)(i % 2 == 0 ? pair >> 16 : pair));
    }
}

// A panel out of packed pairs.
INLINE_KERNEL void gemm_unpack_pairs(const float *packed, size_t depth, size_t padded, float *copy) {
  for (size_t first = 0; first < depth; first += HEED_GEMM_BF16_KC) {
    const size_t chain = bf16_block_terms(first, depth) / 2, pairs = heed_divide_up(chain, 2);
    for (size_t odd = 0; odd < 2; odd++, packed += pairs * HEED_GEMM_NR, copy += chain * GEMM_NR)
      gemm_unpack_chain(packed, chain, padded, copy);
  }
}

// A panel whose rows along k are contiguous, by transposes.
INLINE_KERNEL void gemm_transpose_bf16(const uint16_t *b, ptrdiff_t stride, size_t width, size_t padded, size_t terms, float *copy) {
  for (size_t lane = 0; lane < padded; lane += HEED_LANES)
    for (size_t i = 0; i < terms; i += HEED_LANES) {
      vf block[HEED_LANES];
      for (size_t c = 0; c < HEED_LANES; c++)
        block[c] = lane + c < width ? vf_load_bf16_n(b + (ptrdiff_t)(lane + c) * stride + (ptrdiff_t)i, terms - i) : vf_zero();
      vf_transpose(block);
      for (size_t c = 0; c < HEED_LANES && i + c < terms; c++) vf_store(copy + gemm_place(i + c, terms) * GEMM_NR + lane, block[c]);
    }
}

static void gemm_stage_b_bf16(const HeedGemmTile *tile, size_t column, size_t k, float *copy, GemmBlock *block) {
  const size_t depth = block->depth, width = block->width, padded = HEED_PADDED(width);
  block->b = copy;
  block->b_row = GEMM_NR;
  if (tile->b_layout == HeedGemmLayoutPacked) {
    gemm_unpack_pairs(gemm_packed(tile, heed_divide_up(tile->depth, 4) * 2, column, k / 2), depth, padded, copy);
    return;
  }
  const size_t terms = gemm_bf16_terms(tile, k, depth);
  for (size_t lane = 0; terms < depth && lane < padded; lane += HEED_LANES) vf_store(copy + terms * GEMM_NR + lane, vf_set1(-0.0f));
  const uint16_t *b = (const uint16_t *)tile->b + (ptrdiff_t)k * tile->b_row + (ptrdiff_t)column * tile->b_column;
  if (tile->b_column != 1 && tile->b_row == 1) {
    gemm_transpose_bf16(b, tile->b_column, width, padded, terms, copy);
    return;
  }
  for (size_t i = 0; i < terms; i++) {
    const uint16_t *from = b + (ptrdiff_t)i * tile->b_row;
    float *to = copy + gemm_place(i, terms) * GEMM_NR;
    if (tile->b_column == 1)
      for (size_t lane = 0; lane < padded; lane += HEED_LANES) vf_store(to + lane, vf_load_bf16_n(from + lane, width - lane));
    else
      for (size_t lane = 0; lane < padded; lane++) to[lane] = lane < width ? bf16_value(from[(ptrdiff_t)lane * tile->b_column]) : 0.0f;
  }
}

// Passes are of whole blocks, so that none straddles two.
static const GemmOperation gemm_bf16 = {
    &gemm_chain_kernels, .chains = 2, .terms = 1, .depth = HEED_GEMM_BF16_KC, .stage_a = gemm_stage_a_bf16, .stage_b = gemm_stage_b_bf16};

static size_t gemm_bf16_tile_scratch(size_t rows, size_t columns, size_t depth) { return gemm_scratch(&gemm_bf16, rows, columns, depth); }
static void gemm_bf16_tile(const HeedGemmTile *tile) { gemm_run(&gemm_bf16, tile); }
static size_t gemm_bf16_staged_size(size_t columns, size_t depth) { return gemm_staged_floats(&gemm_bf16, columns, depth); }
static void gemm_bf16_stage(const HeedGemmTile *tile, size_t column, float *staged) { gemm_stage_panel(&gemm_bf16, tile, column, staged); }
