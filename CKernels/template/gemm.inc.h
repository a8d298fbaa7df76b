// Matrix product of one tile of C: C <- alpha * A B + beta * C (order of summation: include/gemm.h).
//
//   for each block of GEMM_DEPTH terms            A's block is copied where its strides cost more than the copy
//     for each panel of 64 columns                B's panel is copied, or transposed, into [depth][64] likewise
//       for each GEMM_ROWS rows                   sum <- A B of the block, from zero;  C <- C + sum, or the end: alpha, beta
//
// Columns of B stand in the lanes, elements of A are broadcast. With AVX-512 a block of 6 rows x 4 vectors takes 24 sums, 4 loads and a
// broadcast, 29 of 32 registers, and reads a panel (48 KiB, from the second-level cache) at 11 bytes a multiply-add; 4 rows would read 16.

#include "pack.inc.h"

// rows x vectors sums, as many loads as vectors and a broadcast must fit the registers: 6 x 4 of 32, 4 x 3 or 6 x 2 of 16.
#define GEMM_ROWS  (HEED_BLOCK_VECTORS == 3 ? 4 : 6)
#define GEMM_SUMS  24 // of the largest block
#define GEMM_DEPTH HEED_GEMM_K_BLOCK
#define GEMM_PANEL (HEED_LANES * HEED_BLOCK_VECTORS)
// Fewer rows than this do not pay for a copy of B's panel, fewer columns not for one of A's rows.
#define GEMM_COPY_B_ROWS    96
#define GEMM_COPY_A_COLUMNS 160

// One register block: where it reads, and what becomes of its sums.
typedef struct GemmBlock {
  const float *a, *b;
  ptrdiff_t a_row, a_column, b_row;
  size_t depth, width; // width: columns of C, at most the lanes of the block
  bool first, last;    // of the blocks of k
  float *partial;      // sums of the blocks so far
  ptrdiff_t partial_row;
  float *c;
  ptrdiff_t c_row, c_column;
  float alpha, beta;
} GemmBlock;

// The end of a block that is not plain: tails of C, columns that are not contiguous, beta.
static __attribute__((noinline)) void gemm_finish(const GemmBlock *x, int rows, int vectors, const float *sums) {
  for (int r = 0; r < rows; r++) {
    for (int v = 0; v < vectors; v++, sums += HEED_LANES) {
      const size_t lane = (size_t)v * HEED_LANES, left = x->width > lane ? x->width - lane : 0;
      const size_t count = left < HEED_LANES ? left : HEED_LANES;
      float *partial = x->partial + r * x->partial_row + lane;
      float *c = x->c + r * x->c_row + (ptrdiff_t)lane * x->c_column;
      vf value = vf_load(sums);
      if (!x->first) value = vf_add(vf_load_n(partial, count), value);
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
      if (x->c_column == 1) {
        vf_store_n(c, value, count);
        continue;
      }
      vf_store(lanes, value);
      for (size_t i = 0; i < count; i++) c[(ptrdiff_t)i * x->c_column] = lanes[i];
    }
  }
}

// sum[r * vectors + v] <- sum over k in order of A[r, k] * B[k, vector v]. One array for every shape of block, unlike block_product.
INLINE_KERNEL void gemm_product(const int rows, const int vectors, const GemmBlock *x, vf sum[GEMM_SUMS]) {
  const float *a = x->a, *b = x->b;
  const ptrdiff_t a_row = x->a_row, a_column = x->a_column, b_row = x->b_row;
#pragma clang loop unroll(full)
  for (int i = 0; i < rows * vectors; i++) sum[i] = vf_zero();
  for (size_t k = x->depth; k > 0; k--) {
    vf panel[GEMM_SUMS];
#pragma clang loop unroll(full)
    for (int v = 0; v < vectors; v++) panel[v] = vf_load(b + v * HEED_LANES);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      const vf element = vf_set1(a[r * a_row]);
#pragma clang loop unroll(full)
      for (int v = 0; v < vectors; v++) sum[r * vectors + v] = vf_accumulate(element, panel[v], sum[r * vectors + v]);
    }
    a += a_column;
    b += b_row;
  }
}

INLINE_KERNEL void gemm_block(const int rows, const int vectors, const GemmBlock *x) {
  // The sums so far lie in the second-level cache or beyond, and come while the product is made.
  if (!x->first) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows * vectors; i++) __builtin_prefetch(x->partial + i / vectors * x->partial_row + i % vectors * HEED_LANES, 1);
  }
  vf sum[GEMM_SUMS];
  gemm_product(rows, vectors, x, sum);
  const bool whole = x->width == (size_t)vectors * HEED_LANES;
  if (!whole || (x->last && (x->beta != 0.0f || x->c_column != 1))) {
    float sums[GEMM_SUMS * HEED_LANES];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows * vectors; i++) vf_store(sums + i * HEED_LANES, sum[i]);
    gemm_finish(x, rows, vectors, sums);
    return;
  }
  if (!x->first) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows * vectors; i++)
      sum[i] = vf_add(vf_load(x->partial + i / vectors * x->partial_row + i % vectors * HEED_LANES), sum[i]);
  }
  const vf alpha = vf_set1(x->last ? x->alpha : 1.0f);
  float *const target = x->last ? x->c : x->partial;
  const ptrdiff_t target_row = x->last ? x->c_row : x->partial_row;
#pragma clang loop unroll(full)
  for (int i = 0; i < rows * vectors; i++) vf_store(target + i / vectors * target_row + i % vectors * HEED_LANES, vf_mul(sum[i], alpha));
}

typedef void (*GemmBlockKernel)(const GemmBlock *);

#define GEMM_BLOCK(rows, vectors)                                                                                                          \
  static __attribute__((noinline)) void gemm_block_##rows##x##vectors(const GemmBlock *x) { gemm_block(rows, vectors, x); }
#define GEMM_BLOCKS(vectors)                                                                                                               \
  GEMM_BLOCK(1, vectors)                                                                                                                   \
  GEMM_BLOCK(2, vectors)                                                                                                                   \
  GEMM_BLOCK(3, vectors) GEMM_BLOCK(4, vectors) GEMM_BLOCK(5, vectors) GEMM_BLOCK(6, vectors)
#define GEMM_NAMES(vectors)                                                                                                                \
  {                                                                                                                                        \
    gemm_block_1x##vectors, gemm_block_2x##vectors, gemm_block_3x##vectors, gemm_block_4x##vectors, gemm_block_5x##vectors,                \
        gemm_block_6x##vectors                                                                                                             \
  }
// One or two rows alone would leave the multipliers waiting and read B in short pieces: they take several panels at a time.
GEMM_BLOCKS(1)
GEMM_BLOCKS(2)
#if HEED_BLOCK_VECTORS == 2
GEMM_BLOCK(1, 8)
GEMM_BLOCK(2, 4)
static const GemmBlockKernel gemm_blocks[][6] = {GEMM_NAMES(1), GEMM_NAMES(2)};
static const GemmBlockKernel gemm_wide_blocks[] = {gemm_block_1x8, gemm_block_2x4};
static const size_t gemm_wide_vectors[] = {8, 4};
#elif HEED_BLOCK_VECTORS == 3
GEMM_BLOCKS(3)
GEMM_BLOCK(1, 8)
GEMM_BLOCK(2, 4)
static const GemmBlockKernel gemm_blocks[][6] = {GEMM_NAMES(1), GEMM_NAMES(2), GEMM_NAMES(3)};
static const GemmBlockKernel gemm_wide_blocks[] = {gemm_block_1x8, gemm_block_2x4};
static const size_t gemm_wide_vectors[] = {8, 4};
#else
GEMM_BLOCKS(3)
GEMM_BLOCKS(4)
GEMM_BLOCK(1, 16)
GEMM_BLOCK(2, 8)
static const GemmBlockKernel gemm_blocks[][6] = {GEMM_NAMES(1), GEMM_NAMES(2), GEMM_NAMES(3), GEMM_NAMES(4)};
static const GemmBlockKernel gemm_wide_blocks[] = {gemm_block_1x16, gemm_block_2x8};
static const size_t gemm_wide_vectors[] = {16, 8};
#endif
#undef GEMM_BLOCK
#undef GEMM_BLOCKS
#undef GEMM_NAMES

// Whether sums wait in scratch between the blocks of k: C itself serves where nothing of it is needed and its rows are contiguous.
INLINE_KERNEL bool gemm_needs_partial(const HeedGemmTile *tile) {
  return tile->depth > GEMM_DEPTH && (tile->beta != 0.0f || tile->c_column != 1);
}

static size_t gemm_tile_scratch(size_t rows, size_t columns, size_t depth) {
  const size_t partial = depth > GEMM_DEPTH ? rows * columns : 0;
  return partial + (rows + GEMM_PANEL) * (depth < GEMM_DEPTH ? depth : GEMM_DEPTH) + GEMM_PANEL;
}

// Strides that make the rows of a block collide in the first-level cache, or that jump a page a row.
INLINE_KERNEL bool gemm_stride_hurts(ptrdiff_t stride) { return stride > GEMM_DEPTH || stride < -GEMM_DEPTH; }

// Copies rows x depth of A where that pays and makes `block` read the copy.
INLINE_KERNEL void gemm_pack_a(const HeedGemmTile *tile, const float *a, size_t depth, float *copy, GemmBlock *block) {
  block->a_row = tile->a_row;
  block->a_column = tile->a_column;
  block->a = a;
  if (tile->columns < GEMM_COPY_A_COLUMNS) return;
  if (tile->a_column == 1 && gemm_stride_hurts(tile->a_row)) {
    pack_rows(a, tile->a_row, tile->rows, depth, copy);
    block->a = copy, block->a_row = (ptrdiff_t)depth, block->a_column = 1;
  } else if (tile->a_row == 1 && gemm_stride_hurts(tile->a_column)) {
    pack_rows(a, tile->a_column, depth, tile->rows, copy);
    block->a = copy, block->a_row = 1, block->a_column = (ptrdiff_t)tile->rows;
  }
}

// The panel of B whose first element is `b`: where it lies, or a copy.
INLINE_KERNEL void gemm_pack_b(const HeedGemmTile *tile, const float *b, size_t depth, size_t width, float *copy, GemmBlock *block) {
  const size_t padded = (width + HEED_LANES - 1) / HEED_LANES * HEED_LANES;
  block->b = b;
  block->b_row = tile->b_row;
  if (tile->b_column == 1 && padded == width && tile->rows < GEMM_COPY_B_ROWS) return;
  block->b = copy;
  block->b_row = GEMM_PANEL;
  if (tile->b_column != 1) {
    pack_transposed(b, tile->b_column, tile->b_row, width, depth, 1.0f, copy, GEMM_PANEL, padded);
    return;
  }
  for (size_t k = 0; k < depth; k++, b += tile->b_row, copy += GEMM_PANEL)
    for (size_t lane = 0; lane < padded; lane += HEED_LANES) vf_store(copy + lane, vf_load_n(b + lane, width - lane));
}

// All rows against one panel; `block` stands at its first row.
INLINE_KERNEL void gemm_panel(GemmBlock block, size_t rows, size_t vectors) {
  for (size_t left = rows; left > 0;) {
    const size_t count = left < GEMM_ROWS ? left : GEMM_ROWS;
    gemm_blocks[vectors - 1][count - 1](&block);
    left -= count;
    block.a += (ptrdiff_t)count * block.a_row;
    block.c += (ptrdiff_t)count * block.c_row;
    block.partial += (ptrdiff_t)count * block.partial_row;
  }
}

// One block of k of the whole tile; `block` stands at its first row and column.
static void gemm_depth_block(const HeedGemmTile *tile, GemmBlock block, const float *b, float *panel) {
  const size_t wide = tile->rows <= 2 && tile->b_column == 1 ? gemm_wide_vectors[tile->rows - 1] * HEED_LANES : SIZE_MAX;
  float *const c = block.c, *const partial = block.partial;
  for (size_t column = 0; column < tile->columns;) {
    const size_t left = tile->columns - column;
    const float *columns = b + (ptrdiff_t)column * tile->b_column;
    block.c = c + (ptrdiff_t)column * block.c_column;
    block.partial = partial + column;
    if (left >= wide) {
      block.b = columns, block.b_row = tile->b_row, block.width = wide;
      gemm_wide_blocks[tile->rows - 1](&block);
    } else {
      block.width = left < GEMM_PANEL ? left : GEMM_PANEL;
      gemm_pack_b(tile, columns, block.depth, block.width, panel, &block);
      gemm_panel(block, tile->rows, (block.width + HEED_LANES - 1) / HEED_LANES);
    }
    column += block.width;
  }
}

static void gemm_tile(const HeedGemmTile *tile) {
  const bool apart = gemm_needs_partial(tile);
  const size_t deepest = tile->depth < GEMM_DEPTH ? tile->depth : GEMM_DEPTH;
  float *const panel = tile->scratch, *const copy = panel + GEMM_PANEL * deepest, *const partial = copy + tile->rows * deepest;
  size_t k = 0;
  do { // once for a depth of 0 too, which makes C <- beta * C
    const size_t left = tile->depth - k, depth = left < GEMM_DEPTH ? left : GEMM_DEPTH;
    GemmBlock block = {
        .depth = depth,
        .first = k == 0,
        .last = left <= GEMM_DEPTH,
        .partial = apart ? partial : tile->c,
        .partial_row = apart ? (ptrdiff_t)tile->columns : tile->c_row,
        .c = tile->c,
        .c_row = tile->c_row,
        .c_column = tile->c_column,
        .alpha = tile->alpha,
        .beta = tile->beta,
    };
    gemm_pack_a(tile, tile->a + (ptrdiff_t)k * tile->a_column, depth, copy, &block);
    gemm_depth_block(tile, block, tile->b + (ptrdiff_t)k * tile->b_row, panel);
    k += depth;
  } while (k < tile->depth);
}
