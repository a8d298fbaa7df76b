// Recurrent layers: the product of states and packed weights, and the code that all cells share.

#ifndef HEED_RECURRENT_INC_H
#define HEED_RECURRENT_INC_H

#include "template/activation.inc.h"
#include "template/gemm/block_product.inc.h"
#include "template/math/sigmoid.inc.h"
#include "template/math/tanh.inc.h"
#include "template/recurrent/recurrent_row.inc.h"

// Rows of a register block: with as many vectors as the vocabulary's blocks have, 6 x 4 sums, 4 loads and a broadcast of 32 registers, or 6
// x 2 or 4 x 3 of 16. A panel of 48 or 64 columns is a multiple of these vectors, or one less at its end.
#define RECURRENT_ROWS    (HEED_BLOCK_VECTORS == 3 ? 4 : 6)
#define RECURRENT_SUMS    24 // of the largest block
#define RECURRENT_COLUMNS (HEED_LANES * HEED_BLOCK_VECTORS)

// sums (+)= a panel, one block of k, from zero.
typedef struct RecurrentBlock {
  const float *a, *panel;
  ptrdiff_t a_row;
  size_t depth, width; // width: floats from a row of the panel, and of the sums, to the next
  float *sums;
  bool first; // of the blocks of k
} RecurrentBlock;

INLINE_KERNEL void recurrent_block(const int rows, const int vectors, const RecurrentBlock *x) {
  vf sum[RECURRENT_SUMS];
  const float *a = x->a, *b = x->panel;
  const ptrdiff_t a_row = x->a_row;
  const size_t width = x->width;
#pragma clang loop unroll(full)
  for (int i = 0; i < rows * vectors; i++) sum[i] = vf_zero();
  for (size_t k = x->depth; k > 0; k--, a++, b += width)
    BLOCK_TERM(rows, vectors, vf_set1(a[r * a_row]), vf_load(b + v * HEED_LANES), vf_accumulate, sum[r * vectors + v]);
  float *sums = x->sums;
  if (!x->first) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows * vectors; i++)
      sum[i] = vf_add(vf_load(sums + (size_t)(i / vectors) * width + i % vectors * HEED_LANES), sum[i]);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows * vectors; i++) vf_store(sums + (size_t)(i / vectors) * width + i % vectors * HEED_LANES, sum[i]);
}

#define RECURRENT_BLOCK(rows, less)                                                                                                        \
  static __attribute__((noinline)) void recurrent_block_##rows##_##less(const RecurrentBlock *x) {                                         \
    recurrent_block(rows, HEED_BLOCK_VECTORS - less, x);                                                                                   \
  }
#define RECURRENT_NAME(rows, less) recurrent_block_##rows##_##less,
// X(rows, less) for 1 ... RECURRENT_ROWS rows.
#if HEED_BLOCK_VECTORS == 3
#define RECURRENT_FOR_EACH_ROWS(X, less) X(1, less) X(2, less) X(3, less) X(4, less)
#else
#define RECURRENT_FOR_EACH_ROWS(X, less) X(1, less) X(2, less) X(3, less) X(4, less) X(5, less) X(6, less)
#endif
RECURRENT_FOR_EACH_ROWS(RECURRENT_BLOCK, 0)
RECURRENT_FOR_EACH_ROWS(RECURRENT_BLOCK, 1)
static void (*const recurrent_blocks[2][RECURRENT_ROWS])(const RecurrentBlock *) = {{RECURRENT_FOR_EACH_ROWS(RECURRENT_NAME, 0)},
                                                                                    {RECURRENT_FOR_EACH_ROWS(RECURRENT_NAME, 1)}};

// All rows against one block of k of some columns of a panel, which stay in the first-level cache (16 KiB at most).
static void recurrent_rows(RecurrentBlock x, size_t rows, size_t columns) {
  void (*const *const blocks)(const RecurrentBlock *) = recurrent_blocks[columns < RECURRENT_COLUMNS];
  while (rows > 0) {
    // The last two share their rows: 4 and 4 instead of 6 and 2.
    const size_t count = rows <= RECURRENT_ROWS ? rows : (rows < 2 * RECURRENT_ROWS ? (rows + 1) / 2 : RECURRENT_ROWS);
    blocks[count - 1](&x);
    rows -= count;
    x.a += (ptrdiff_t)count * x.a_row;
    x.sums += count * x.width;
  }
}

// The data that the backward pass of a cell reads and writes in rows first ... end - 1 is in the last cache or beyond, in pieces too short
// for the processor to foresee.
static void recurrent_prefetch(const HeedRecurrentBackward *b, size_t first, size_t end) {
  for (size_t r = first; r < end; r++)
    for (size_t j = 0; j < b->units; j += HEED_LINE_FLOATS) {
      for (size_t g = 0; g < b->reserve_columns; g++)
        __builtin_prefetch(b->reserve + (ptrdiff_t)r * b->reserve_row + g * b->hidden + j, 0, 2);
      for (size_t g = 0; g < b->d_gates_columns; g++)
        __builtin_prefetch(b->d_gates + (ptrdiff_t)r * b->d_gates_row + g * b->hidden + j, 1, 2);
      if (b->previous_cell) __builtin_prefetch(b->previous_cell + (ptrdiff_t)r * b->previous_cell_row + j, 0, 2);
      if (b->d_output) __builtin_prefetch(b->d_output + b->d_output_first[r] + b->d_output_offset + (ptrdiff_t)j, 0, 2);
    }
}

static void recurrent_product(const HeedRecurrentProduct *p) {
  if (p->rows == 1) {
    if (p->then) recurrent_prefetch(p->then, 0, 1);
    recurrent_single_row(p);
    return;
  }
  for (size_t k = 0; k < p->depth; k += HEED_RECURRENT_DEPTH) {
    const size_t left = p->depth - k;
    if (p->then) {
      const size_t rows = p->then->rows, next = left < HEED_RECURRENT_DEPTH ? p->depth : k + HEED_RECURRENT_DEPTH;
      recurrent_prefetch(p->then, rows * k / p->depth, rows * next / p->depth);
    }
    for (size_t column = 0; column < p->width; column += RECURRENT_COLUMNS) {
      const RecurrentBlock block = {.a = p->a + k,
                                    .panel = p->panel + k * p->width + column,
                                    .a_row = p->a_row,
                                    .depth = heed_size_min(left, HEED_RECURRENT_DEPTH),
                                    .width = p->width,
                                    .sums = p->sums + column,
                                    .first = k == 0};
      recurrent_rows(block, p->rows, p->width - column);
    }
  }
}

// Gate g of row r from unit j on: a_t, or its number in the reserve.
INLINE_KERNEL float *recurrent_gate(const HeedRecurrentForward *f, size_t r, size_t g, size_t j) {
  return f->gates + (ptrdiff_t)r * f->gates_row + g * f->hidden + j;
}

INLINE_KERNEL vf recurrent_sum(const HeedRecurrentForward *f, size_t r, size_t g, size_t j) {
  return vf_load(f->sums + r * f->sums_row + g * f->sums_gate + j); // padded to whole vectors
}

// a of a gate, with its bias.
INLINE_KERNEL vf recurrent_input(const HeedRecurrentForward *f, size_t r, size_t g, size_t j, size_t n) {
  return vf_add(vf_load_n(recurrent_gate(f, r, g, j), n), vf_load_n(f->bias + g * f->hidden + j, n));
}

// a + u of a gate.
INLINE_KERNEL vf recurrent_argument(const HeedRecurrentForward *f, size_t r, size_t g, size_t j, size_t n) {
  return vf_add(recurrent_input(f, r, g, j, n), recurrent_sum(f, r, g, j));
}

// h_t goes to the next step or, at the sequence's end, to h_n, and to the output.
INLINE_KERNEL void recurrent_put(const HeedRecurrentForward *f, size_t r, size_t j, size_t n, vf h) {
  if (r < f->next_rows)
    vf_store_n(f->next + (ptrdiff_t)r * f->next_row + j, h, n);
  else if (f->last)
    vf_store_n(f->last + f->order[r] * f->hidden + j, h, n);
  if (f->output) vf_store_n(f->output + f->output_first[r] + f->output_offset + (ptrdiff_t)j, h, n);
}

// dh_t of row r, which is also handed out where it is asked for.
INLINE_KERNEL vf recurrent_d_h(const HeedRecurrentBackward *b, size_t r, size_t j, size_t n) {
  vf dh;
  if (r >= b->product_rows)
    dh = vf_load_n(b->carry + r * b->hidden + j, n);
  else if (b->carries)
    dh = vf_add(vf_load_n(b->carry + r * b->hidden + j, n), vf_load(b->sums + r * b->sums_row + j));
  else
    dh = vf_load(b->sums + r * b->sums_row + j);
  if (b->d_output) dh = vf_add(dh, vf_load_n(b->d_output + b->d_output_first[r] + b->d_output_offset + (ptrdiff_t)j, n));
  if (b->d_h) vf_store_n(b->d_h + b->d_h_first[r] + b->d_h_offset + (ptrdiff_t)j, dh, n);
  return dh;
}

INLINE_KERNEL vf recurrent_saved(const HeedRecurrentBackward *b, size_t r, size_t g, size_t j, size_t n) {
  return vf_load_n(b->reserve + (ptrdiff_t)r * b->reserve_row + g * b->hidden + j, n);
}

INLINE_KERNEL void recurrent_put_d_gate(const HeedRecurrentBackward *b, size_t r, size_t g, size_t j, size_t n, vf d_gate) {
  vf_store_n(b->d_gates + (ptrdiff_t)r * b->d_gates_row + g * b->hidden + j, d_gate, n);
}

// 1 - y, 1 - y^2
INLINE_KERNEL vf recurrent_rest(vf y) { return vf_sub(vf_set1(1.0f), y); }
INLINE_KERNEL vf recurrent_rest_of_square(vf y) { return vf_fma(vf_negate(y), y, vf_set1(1.0f)); }
// y (1 - y): the derivative of the sigmoid.
INLINE_KERNEL vf recurrent_sigmoid_derivative(vf y) { return vf_mul(y, recurrent_rest(y)); }

static void recurrent_backward_end(const HeedRecurrentBackward *b) {
  for (size_t r = 0; r < b->rows; r++)
    for (size_t j = 0; j < b->units; j += HEED_LANES)
      vf_store_n(b->d_h_0 + b->order[r] * b->hidden + j, recurrent_d_h(b, r, j, b->units - j), b->units - j);
}

#endif
