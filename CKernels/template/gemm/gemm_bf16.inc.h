// Matrix product of one tile of C, bfloat16, without the dot product instruction: operands are converted to float32 as they are staged, the
// two terms of a pair changing places, so that the sums have the bits of vdpbf16ps (gemm_dot.inc.h). The product of two bfloat16 numbers is
// exact in float32: fused or not, a term is rounded once.

#include "template/gemm/gemm_tile.inc.h"

INLINE_KERNEL float bf16_value(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// The place of term k: pairs are swapped; a single last term stays.
INLINE_KERNEL size_t gemm_swapped(size_t k, size_t depth) { return (k ^ 1) < depth ? k ^ 1 : k; }

static void gemm_stage_a_bf16(const HeedGemmTile *tile, size_t k, float *copy, GemmBlock *block) {
  const uint16_t *a = (const uint16_t *)tile->a + (ptrdiff_t)k * tile->a_column;
  const size_t depth = block->depth, rows = tile->rows;
  block->a = copy;
  if (tile->a_row == 1 && rows > 1) {
    block->a_row = 1, block->a_column = (ptrdiff_t)rows;
    for (size_t i = 0; i < depth; i++) {
      const uint16_t *from = a + (ptrdiff_t)i * tile->a_column;
      float *to = copy + gemm_swapped(i, depth) * rows;
      for (size_t r = 0; r < rows; r += HEED_LANES) vf_store_n(to + r, vf_load_bf16_n(from + r, rows - r), rows - r);
    }
    return;
  }
  block->a_row = (ptrdiff_t)depth, block->a_column = 1;
  for (size_t r = 0; r < rows; r++, a += tile->a_row, copy += depth) {
    const ptrdiff_t step = tile->a_column;
    size_t i = 0;
    if (step == 1)
      for (; i + 2 <= depth; i += 2) copy[i] = bf16_value(a[i + 1]), copy[i + 1] = bf16_value(a[i]);
    for (; i < depth; i++) copy[gemm_swapped(i, depth)] = bf16_value(a[(ptrdiff_t)i * step]);
  }
}

// A panel out of pairs: the second of each comes first.
INLINE_KERNEL void gemm_unpack_pairs(const float *packed, size_t depth, size_t padded, float *copy) {
  for (size_t i = 0; i < depth; i += 2, packed += HEED_GEMM_NR, copy += 2 * GEMM_NR) {
    float *first = i + 1 < depth ? copy + GEMM_NR : copy;
    for (size_t lane = 0; lane < padded; lane++) {
      uint16_t pair[2];
      __builtin_memcpy(pair, packed + lane, sizeof pair);
      if (i + 1 < depth) copy[lane] = bf16_value(pair[1]);
      first[lane] = bf16_value(pair[0]);
    }
  }
}

// A panel whose rows along k are contiguous, by transposes.
INLINE_KERNEL void gemm_transpose_bf16(const uint16_t *b, ptrdiff_t stride, size_t width, size_t padded, size_t depth, float *copy) {
  for (size_t lane = 0; lane < padded; lane += HEED_LANES)
    for (size_t i = 0; i < depth; i += HEED_LANES) {
      vf block[HEED_LANES];
      for (size_t c = 0; c < HEED_LANES; c++)
        block[c] = lane + c < width ? vf_load_bf16_n(b + (ptrdiff_t)(lane + c) * stride + (ptrdiff_t)i, depth - i) : vf_zero();
      vf_transpose(block);
      for (size_t c = 0; c < HEED_LANES && i + c < depth; c++) vf_store(copy + gemm_swapped(i + c, depth) * GEMM_NR + lane, block[c]);
    }
}

static void gemm_stage_b_bf16(const HeedGemmTile *tile, size_t column, size_t k, float *copy, GemmBlock *block) {
  const size_t depth = block->depth, width = block->width, padded = HEED_PADDED(width);
  block->b = copy;
  block->b_row = GEMM_NR;
  if (tile->b_layout == HeedGemmLayoutPacked) {
    gemm_unpack_pairs(gemm_packed(tile, 2, column, k / 2), depth, padded, copy);
    return;
  }
  const uint16_t *b = (const uint16_t *)tile->b + (ptrdiff_t)k * tile->b_row + (ptrdiff_t)column * tile->b_column;
  if (tile->b_column != 1 && tile->b_row == 1) {
    gemm_transpose_bf16(b, tile->b_column, width, padded, depth, copy);
    return;
  }
  for (size_t i = 0; i < depth; i++) {
    const uint16_t *from = b + (ptrdiff_t)i * tile->b_row;
    float *to = copy + gemm_swapped(i, depth) * GEMM_NR;
    if (tile->b_column == 1)
      for (size_t lane = 0; lane < padded; lane += HEED_LANES) vf_store(to + lane, vf_load_bf16_n(from + lane, width - lane));
    else
      for (size_t lane = 0; lane < padded; lane++) to[lane] = lane < width ? bf16_value(from[(ptrdiff_t)lane * tile->b_column]) : 0.0f;
  }
}

// Blocks are of an even number of terms, so pairs never straddle two.
static const GemmOperation gemm_bf16 = {&gemm_product_kernels,        .terms = 1,
                                        .depth = HEED_GEMM_BF16_KC,   .reads_packed = false,
                                        .stage_a = gemm_stage_a_bf16, .stage_b = gemm_stage_b_bf16};

static size_t gemm_bf16_tile_scratch(size_t rows, size_t columns, size_t depth) { return gemm_scratch(&gemm_bf16, rows, columns, depth); }
static void gemm_bf16_tile(const HeedGemmTile *tile) { gemm_run(&gemm_bf16, tile); }
static size_t gemm_bf16_staged_size(size_t columns, size_t depth) { return gemm_staged_floats(&gemm_bf16, columns, depth); }
static void gemm_bf16_stage(const HeedGemmTile *tile, size_t column, float *staged) { gemm_stage_panel(&gemm_bf16, tile, column, staged); }
