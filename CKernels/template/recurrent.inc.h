// Recurrent layers: the product of states and packed weights, and what all cells share.

#ifndef HEED_RECURRENT_INC_H
#define HEED_RECURRENT_INC_H

// The product is made of the register blocks of the matrix product (gemm.inc.h, before this).

// The panel's block of k (at most 16 KiB) stays in the first-level cache for all rows.
static void recurrent_product(const HeedRecurrentProduct *p) {
  for (size_t k = 0; k < p->depth; k += HEED_RECURRENT_DEPTH) {
    const size_t left = p->depth - k;
    for (size_t column = 0; column < p->width; column += GEMM_PANEL) {
      const size_t wide = p->width - column < GEMM_PANEL ? p->width - column : GEMM_PANEL;
      GemmBlock block = {.a = p->a + k,
                         .b = p->panel + k * p->width + column,
                         .a_row = p->a_row,
                         .a_column = 1,
                         .b_row = (ptrdiff_t)p->width,
                         .depth = left < HEED_RECURRENT_DEPTH ? left : HEED_RECURRENT_DEPTH,
                         .width = wide,
                         .first = k == 0,
                         .partial = p->sums + column,
                         .partial_row = (ptrdiff_t)p->width,
                         .plain = true};
      gemm_panel(&gemm_f32, block, p->rows, NULL);
    }
  }
}

// Gate g of row r from unit j on: a_t, or what the reserve holds.
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

// h_t goes to the next step or, at the sequence's end, to hn, and to the output.
INLINE_KERNEL void recurrent_put(const HeedRecurrentForward *f, size_t r, size_t j, size_t n, vf h) {
  if (r < f->next_rows)
    vf_store_n(f->next + (ptrdiff_t)r * f->next_row + j, h, n);
  else if (f->last)
    vf_store_n(f->last + f->order[r] * f->hidden + j, h, n);
  if (f->output) vf_store_n(f->output + f->output_first[r] + f->output_offset + (ptrdiff_t)j, h, n);
}

// dh_t of row r.
INLINE_KERNEL vf recurrent_slope(const HeedRecurrentBackward *b, size_t r, size_t j, size_t n) {
  vf dh;
  if (r >= b->product_rows)
    dh = vf_load_n(b->carry + r * b->hidden + j, n);
  else if (b->carries)
    dh = vf_add(vf_load_n(b->carry + r * b->hidden + j, n), vf_load(b->sums + r * b->sums_row + j));
  else
    dh = vf_load(b->sums + r * b->sums_row + j);
  return b->output ? vf_add(dh, vf_load_n(b->output + b->output_first[r] + b->output_offset + (ptrdiff_t)j, n)) : dh;
}

INLINE_KERNEL vf recurrent_kept(const HeedRecurrentBackward *b, size_t r, size_t g, size_t j, size_t n) {
  return vf_load_n(b->reserve + (ptrdiff_t)r * b->reserve_row + g * b->hidden + j, n);
}

INLINE_KERNEL void recurrent_put_slope(const HeedRecurrentBackward *b, size_t r, size_t g, size_t j, size_t n, vf slope) {
  vf_store_n(b->slopes + (ptrdiff_t)r * b->slopes_row + g * b->hidden + j, slope, n);
}

// 1 - y, 1 - y^2
INLINE_KERNEL vf recurrent_rest(vf y) { return vf_sub(vf_set1(1.0f), y); }
INLINE_KERNEL vf recurrent_rest_of_square(vf y) { return vf_fma(vf_negate(y), y, vf_set1(1.0f)); }
// y (1 - y): the slope of the sigmoid.
INLINE_KERNEL vf recurrent_sigmoid_slope(vf y) { return vf_mul(y, recurrent_rest(y)); }

static void recurrent_backward_end(const HeedRecurrentBackward *b) {
  for (size_t r = 0; r < b->rows; r++)
    for (size_t j = 0; j < b->units; j += HEED_LANES)
      vf_store_n(b->h0 + b->order[r] * b->hidden + j, recurrent_slope(b, r, j, b->units - j), b->units - j);
}

#endif
