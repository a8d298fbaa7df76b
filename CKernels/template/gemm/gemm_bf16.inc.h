// Matrix product of one tile of C, bfloat16, without the dot product instruction: operands are converted to float32 as they are staged.

#include "template/gemm/gemm_chains.inc.h"
#include "template/gemm/gemm_tile.inc.h"

INLINE_KERNEL vf gemm_chains_multiply_add(vf a, vf b, vf c) { return vf_accumulate(a, b, c); }
GEMM_CHAINS_DEFINE(gemm_chains)

INLINE_KERNEL float bf16_value(uint16_t x) {
  const uint32_t bits = (uint32_t)x << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

static void gemm_stage_a_bf16(const HeedGemmTile *tile, size_t k, float *copy, GemmBlock *block) {
  const uint16_t *a = (const uint16_t *)tile->a + (ptrdiff_t)k * tile->a_column;
  const size_t depth = block->depth, rows = tile->rows;
  block->a = copy;
  if (tile->a_row == 1 && rows > 1) {
    block->a_row = 1, block->a_column = (ptrdiff_t)rows;
    convert_rows_bf16(a, tile->a_column, 1, depth, rows, copy);
    return;
  }
  block->a_row = (ptrdiff_t)depth, block->a_column = 1;
  convert_rows_bf16(a, tile->a_row, tile->a_column, rows, depth, copy);
}

// A panel out of packed pairs: of each four terms the first and the third, then the second and the fourth.
INLINE_KERNEL void gemm_unpack_pairs(const float *packed, size_t depth, size_t padded, float *copy) {
  for (size_t i = 0; i < depth; i++, copy += GEMM_NR) {
    const float *pairs = packed + (i / 4 * 2 + i % 2) * HEED_GEMM_NR;
    const unsigned shift = i % 4 < 2 ? 16 : 0;
    for (size_t lane = 0; lane < padded; lane++) {
      uint32_t pair;
      __builtin_memcpy(&pair, pairs + lane, sizeof pair);
      copy[lane] = bf16_value((uint16_t)(pair >> shift));
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
      for (size_t c = 0; c < HEED_LANES && i + c < depth; c++) vf_store(copy + (i + c) * GEMM_NR + lane, block[c]);
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
  const uint16_t *b = (const uint16_t *)tile->b + (ptrdiff_t)k * tile->b_row + (ptrdiff_t)column * tile->b_column;
  if (tile->b_column != 1 && tile->b_row == 1) {
    gemm_transpose_bf16(b, tile->b_column, width, padded, depth, copy);
    return;
  }
  for (size_t i = 0; i < depth; i++, copy += GEMM_NR) {
    const uint16_t *from = b + (ptrdiff_t)i * tile->b_row;
    if (tile->b_column == 1)
      for (size_t lane = 0; lane < padded; lane += HEED_LANES) vf_store(copy + lane, vf_load_bf16_n(from + lane, width - lane));
    else
      for (size_t lane = 0; lane < padded; lane++) copy[lane] = lane < width ? bf16_value(from[(ptrdiff_t)lane * tile->b_column]) : 0.0f;
  }
}

// Passes are of whole blocks, so that none straddles two.
static const GemmOperation gemm_bf16 = {&gemm_chains_kernels,       .mr = GEMM_CHAIN_MR,          .terms = 1,
                                        .depth = HEED_GEMM_BF16_KC, .stage_a = gemm_stage_a_bf16, .stage_b = gemm_stage_b_bf16};

static size_t gemm_bf16_tile_scratch(size_t rows, size_t columns, size_t depth) { return gemm_scratch(&gemm_bf16, rows, columns, depth); }
static void gemm_bf16_tile(const HeedGemmTile *tile) { gemm_run(&gemm_bf16, tile); }
static size_t gemm_bf16_staged_size(size_t columns, size_t depth) { return gemm_staged_floats(&gemm_bf16, columns, depth); }
static void gemm_bf16_stage(const HeedGemmTile *tile, size_t column, float *staged) { gemm_stage_panel(&gemm_bf16, tile, column, staged); }
