// Matrix product of one tile of C, float32. Its panels are 16 KiB (64 columns, a block of 64 terms) and stay in the first-level cache.

#include "template/gemm/gemm_tile.inc.h"
#include "template/gemm/pack.inc.h"

// Fewer rows than this do not pay for a copy of B's panel, fewer columns not for one of A's rows.
#define GEMM_COPY_B_ROWS    96
#define GEMM_COPY_A_COLUMNS 160

// sum[r * vectors + v] <- sum over k in order of A[r, k] * B[k, vector v]. One array for every shape of block, unlike block_product.
INLINE_KERNEL void gemm_product(const int rows, const int vectors, const GemmBlock *x, const float *a, const float *b, size_t depth,
                                vf sum[GEMM_SUMS]) {
  const ptrdiff_t a_row = x->a_row, a_column = x->a_column, b_row = x->b_row;
#pragma clang loop unroll(full)
  for (int i = 0; i < rows * vectors; i++) sum[i] = vf_zero();
  for (size_t k = depth; k > 0; k--, a += a_column, b += b_row)
    BLOCK_TERM(rows, vectors, vf_set1(a[r * a_row]), vf_load(b + v * HEED_LANES), vf_accumulate, sum[r * vectors + v]);
}

GEMM_DEFINE(gemm_product)

// Strides that make the rows of a block collide in the first-level cache, or that jump a page per row.
INLINE_KERNEL bool gemm_stride_hurts(ptrdiff_t stride) { return stride > HEED_GEMM_KC || stride < -HEED_GEMM_KC; }

static void gemm_stage_a(const HeedGemmTile *tile, size_t k, float *copy, GemmBlock *block) {
  const float *a = (const float *)tile->a + (ptrdiff_t)k * tile->a_column;
  block->a_row = tile->a_row;
  block->a_column = tile->a_column;
  block->a = a;
  if (tile->columns < GEMM_COPY_A_COLUMNS) return;
  if (tile->a_column == 1 && gemm_stride_hurts(tile->a_row)) {
    pack_rows(a, tile->a_row, tile->rows, block->depth, copy);
    block->a = copy, block->a_row = (ptrdiff_t)block->depth, block->a_column = 1;
  } else if (tile->a_row == 1 && gemm_stride_hurts(tile->a_column)) {
    pack_rows(a, tile->a_column, block->depth, tile->rows, copy);
    block->a = copy, block->a_row = 1, block->a_column = (ptrdiff_t)tile->rows;
  }
}

static void gemm_stage_b(const HeedGemmTile *tile, size_t column, size_t k, float *copy, GemmBlock *block) {
  if (tile->b_layout == HeedGemmLayoutPacked) {
    block->b = gemm_packed(tile, tile->depth, column, k);
    block->b_row = HEED_GEMM_NR;
    return;
  }
  const float *b = (const float *)tile->b + (ptrdiff_t)k * tile->b_row + (ptrdiff_t)column * tile->b_column;
  const size_t width = block->width, padded = HEED_PADDED(width);
  block->b = b;
  block->b_row = tile->b_row;
  if (tile->b_column == 1 && padded == width && tile->rows < GEMM_COPY_B_ROWS) return; // never where a panel is staged for many tiles
  block->b = copy;
  block->b_row = GEMM_NR;
  if (tile->b_column != 1) {
    pack_transposed(b, tile->b_column, tile->b_row, width, block->depth, 1.0f, copy, GEMM_NR, padded);
    return;
  }
  for (size_t i = 0; i < block->depth; i++, b += tile->b_row, copy += GEMM_NR)
    for (size_t lane = 0; lane < padded; lane += HEED_LANES) vf_store(copy + lane, vf_load_n(b + lane, width - lane));
}

static const GemmOperation gemm_f32 = {&gemm_product_kernels, .mr = GEMM_MR,           .terms = 1,
                                       .depth = HEED_GEMM_KC, .reads_packed = true,    .reads_strided = true,
                                       .prefetches_a = true,  .stage_a = gemm_stage_a, .stage_b = gemm_stage_b};

static size_t gemm_tile_scratch(size_t rows, size_t columns, size_t depth) { return gemm_scratch(&gemm_f32, rows, columns, depth); }
static void gemm_tile(const HeedGemmTile *tile) { gemm_run(&gemm_f32, tile); }
static size_t gemm_staged_size(size_t columns, size_t depth) { return gemm_staged_floats(&gemm_f32, columns, depth); }
static void gemm_stage(const HeedGemmTile *tile, size_t column, float *staged) { gemm_stage_panel(&gemm_f32, tile, column, staged); }

#define GEMM_KERNELS .mr = GEMM_MR, .nr = GEMM_NR, .f32 = {gemm_tile_scratch, gemm_tile, gemm_staged_size, gemm_stage}
