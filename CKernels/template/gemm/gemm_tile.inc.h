// Matrix product of one tile of C: C <- activation(alpha * A B + beta * C + bias) (order of summation: heed/gemm.h).
//
//   for each pass over some blocks of k      A's block is staged: copied where its strides cost more than the copy, converted, paired
//     for each panel of columns              B's panel is staged too, or read in place: packed, or staged before for all rows
//       for each GEMM_MR rows                for each block: sum <- A B, from zero;  C <- C + sum;
//       or the end: alpha, beta, bias, activation

#ifndef HEED_GEMM_TILE_INC_H
#define HEED_GEMM_TILE_INC_H

#include "template/gemm/gemm_block.inc.h"

// The functions that differ between kinds of operands. A staging function sets where `block` reads its elements k ... k + block->depth - 1;
// `copy` has room for them.
typedef struct GemmOperation {
  const GemmKernels *kernels;
  size_t mr;          // rows of the largest register block
  size_t terms;       // of k in an element: 1 in float32, 2 in a pair (of which four terms have two)
  size_t depth;       // elements of a block of k
  bool reads_packed;  // a packed B is read in place
  bool reads_strided; // and one with contiguous columns may be
  bool prefetches_a;  // for the next pass: its elements are floats
  void (*stage_a)(const HeedGemmTile *tile, size_t k, float *copy, GemmBlock *block);
  void (*stage_b)(const HeedGemmTile *tile, size_t column, size_t k, float *copy, GemmBlock *block);
} GemmOperation;

INLINE_KERNEL size_t gemm_elements(const GemmOperation *op, size_t depth) { return op->terms == 1 ? depth : heed_divide_up(depth, 4) * 2; }

// The address of the elements of a packed B from `k` on, for the panel that holds `column`; a panel has `elements` in a column.
INLINE_KERNEL const float *gemm_packed(const HeedGemmTile *tile, size_t elements, size_t column, size_t k) {
  return (const float *)tile->b + column / HEED_GEMM_NR * elements * HEED_GEMM_NR + k * HEED_GEMM_NR + column % HEED_GEMM_NR;
}

// Where a tile finds the elements from `k` on of the panel that begins at `column`, staged before.
INLINE_KERNEL const float *gemm_staged(const GemmOperation *op, const HeedGemmTile *tile, size_t column, size_t k) {
  return (const float *)tile->b + column * gemm_elements(op, tile->depth) + k * GEMM_NR;
}

INLINE_KERNEL size_t gemm_staged_floats(const GemmOperation *op, size_t columns, size_t depth) {
  return heed_round_up(columns, GEMM_NR) * gemm_elements(op, depth);
}

INLINE_KERNEL void gemm_stage_panel(const GemmOperation *op, const HeedGemmTile *tile, size_t column, float *staged) {
  const size_t elements = gemm_elements(op, tile->depth), left = tile->columns - column;
  GemmBlock block = {.width = heed_size_min(left, GEMM_NR)};
  for (size_t k = 0; k < elements; k += block.depth) {
    block.depth = heed_size_min(elements - k, GEMM_PASS);
    op->stage_b(tile, column, k, staged + k * GEMM_NR, &block);
  }
}

// Whether sums wait in scratch between the passes over k: C itself serves where nothing of it is needed and its rows are contiguous.
INLINE_KERNEL bool gemm_needs_partial(const GemmOperation *op, const HeedGemmTile *tile) {
  return gemm_elements(op, tile->depth) > GEMM_PASS && (tile->beta != 0.0f || tile->c_column != 1);
}

INLINE_KERNEL size_t gemm_scratch(const GemmOperation *op, size_t rows, size_t columns, size_t depth) {
  const size_t elements = gemm_elements(op, depth), partial = elements > GEMM_PASS ? rows * columns : 0;
  return partial + (rows + GEMM_NR) * heed_size_min(elements, GEMM_PASS) + GEMM_NR;
}

// Memory in the last cache or beyond, `rows` of `across` floats, that is prefetched while something else is multiplied.
typedef struct GemmPrefetch {
  const float *at;
  ptrdiff_t row;
  size_t across, rows, column;
} GemmPrefetch;

INLINE_KERNEL void gemm_prefetch(GemmPrefetch *x, size_t lines) {
  for (; lines > 0 && x->rows > 0; lines--) {
    __builtin_prefetch(x->at + x->column, 0, 2);
    x->column += HEED_LINE_FLOATS;
    if (x->column < x->across) continue;
    x->column = 0, x->at += x->row, x->rows--;
  }
}

// All rows against one panel; `block` stands at its first row. A last block that would be small shares its rows with the one before: 4 and
// 4 instead of 6 and 2. Before each block some lines of the next panel and of A's next pass are prefetched.
INLINE_KERNEL void gemm_panel(const GemmOperation *op, GemmBlock block, size_t rows, GemmPrefetch *b, GemmPrefetch *a, size_t a_lines) {
  const size_t vectors = HEED_VECTORS(block.width), blocks = heed_divide_up(rows, op->mr);
  const size_t b_lines = b->rows * GEMM_NR / HEED_LINE_FLOATS / blocks + 1;
  for (size_t left = rows; left > 0;) {
    const size_t count = left <= op->mr ? left : (left < 2 * op->mr ? (left + 1) / 2 : op->mr);
    gemm_prefetch(b, b_lines);
    gemm_prefetch(a, a_lines);
    op->kernels->blocks[vectors - 1][count - 1](&block);
    left -= count;
    block.a += (ptrdiff_t)count * block.a_row;
    block.c += (ptrdiff_t)count * block.c_row;
    block.partial += (ptrdiff_t)count * block.partial_row;
    if (block.biased) block.bias += (ptrdiff_t)count * block.bias_row;
  }
}

// One pass over k, from element k on, of the whole tile; `block` stands at its first row and column.
INLINE_KERNEL void gemm_depth_block(const GemmOperation *op, const HeedGemmTile *tile, GemmBlock block, size_t k, float *panel,
                                    GemmPrefetch a) {
  const bool packed = tile->b_layout == HeedGemmLayoutPacked, staged = tile->b_layout == HeedGemmLayoutStaged;
  const bool in_place = packed ? op->reads_packed : !staged && op->reads_strided && tile->b_column == 1;
  const size_t wide = tile->rows <= 2 && in_place ? gemm_wide_vectors[tile->rows - 1] * HEED_LANES : SIZE_MAX;
  float *const c = block.c, *const partial = block.partial;
  const float *const bias = block.bias;
  const size_t blocks = heed_divide_up(tile->columns, GEMM_NR) * heed_divide_up(tile->rows, op->mr);
  const size_t a_lines = a.rows * heed_divide_up(a.across, HEED_LINE_FLOATS) / blocks + 1;
  for (size_t column = 0; column < tile->columns; column += block.width) {
    size_t left = tile->columns - column;
    if (packed && left > HEED_GEMM_NR - column % HEED_GEMM_NR) left = HEED_GEMM_NR - column % HEED_GEMM_NR;
    block.c = c + (ptrdiff_t)column * block.c_column;
    block.partial = partial + column;
    if (block.biased) block.bias = bias + (ptrdiff_t)column * block.bias_column;
    block.width = left >= wide ? wide : heed_size_min(left, GEMM_NR);
    if (staged)
      block.b = gemm_staged(op, tile, column, k), block.b_row = GEMM_NR;
    else if (block.depth > 0)
      op->stage_b(tile, column, k, panel, &block);
    if (left >= wide) {
      op->kernels->wide[tile->rows - 1](&block);
      continue;
    }
    GemmPrefetch next = {0};
    if (staged && column + GEMM_NR < tile->columns)
      next = (GemmPrefetch){gemm_staged(op, tile, column + GEMM_NR, k), GEMM_NR, GEMM_NR, block.depth, 0};
    gemm_panel(op, block, tile->rows, &next, &a, a_lines);
  }
}

// A's elements of a pass, in whichever direction A is contiguous.
INLINE_KERNEL GemmPrefetch gemm_prefetch_of_a(const HeedGemmTile *tile, size_t k, size_t depth) {
  const float *a = (const float *)tile->a + (ptrdiff_t)k * tile->a_column;
  if (tile->a_row == 1) return (GemmPrefetch){a, tile->a_column, tile->rows, depth, 0};
  if (tile->a_column == 1) return (GemmPrefetch){a, tile->a_row, depth, tile->rows, 0};
  return (GemmPrefetch){0};
}

INLINE_KERNEL void gemm_run(const GemmOperation *op, const HeedGemmTile *tile) {
  if (tile->rows == 0 || tile->columns == 0) return; // e.g. attention without values
  const bool apart = gemm_needs_partial(op, tile);
  const size_t elements = gemm_elements(op, tile->depth), deepest = heed_size_min(elements, GEMM_PASS);
  float *const panel = tile->scratch, *const copy = panel + GEMM_NR * deepest, *const partial = copy + tile->rows * deepest;
  size_t k = 0;
  do { // once for a depth of 0 too, which leaves the product out
    const size_t left = elements - k;
    GemmBlock block = {
        .a = copy,
        .b = panel,
        .depth = heed_size_min(left, GEMM_PASS),
        .step = op->depth,
        .first = k == 0,
        .last = left <= GEMM_PASS,
        .partial = apart ? partial : tile->c,
        .partial_row = apart ? (ptrdiff_t)tile->columns : tile->c_row,
        .c = tile->c,
        .c_row = tile->c_row,
        .c_column = tile->c_column,
        .alpha = tile->alpha,
        .beta = tile->beta,
        .bias = tile->bias,
        .bias_row = tile->bias ? tile->bias_row : 0,
        .bias_column = tile->bias ? tile->bias_column : 0,
        .activation = tile->activation,
        .biased = tile->bias != NULL,
    };
    block.plain = block.beta == 0.0f && block.c_column == 1 && !block.biased && block.activation == HeedActivationNone;
    if (block.depth > 0) op->stage_a(tile, k, copy, &block);
    const size_t done = k + block.depth;
    GemmPrefetch a = {0};
    if (op->prefetches_a && done < elements) a = gemm_prefetch_of_a(tile, done, heed_size_min(elements - done, GEMM_PASS));
    gemm_depth_block(op, tile, block, k, panel, a);
    k = done;
  } while (k < elements);
}

#endif
