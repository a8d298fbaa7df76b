// Private: the table's kernels of recurrent layers. Rows are sequences that have not ended. Layouts: checks/recurrent_layout.h.

#ifndef HEED_KERNELS_RECURRENT_H
#define HEED_KERNELS_RECURRENT_H

#include "heed/recurrent.h"

struct HeedRecurrentBackward;

// sums[r][j] <- sum over k of a[r][k] * panel[k][j], j < width, in blocks of HEED_RECURRENT_DEPTH terms. Width is a multiple of 16, at most
// 64.
typedef struct HeedRecurrentProduct {
  size_t rows, depth, width;
  const float *a, *panel;
  ptrdiff_t a_row;
  float *sums;
  const struct HeedRecurrentBackward *then; // the next stage, whose operands are prefetched at the same time; or null
} HeedRecurrentProduct;

// The operands of the stage after the product of one phase of a step, for some rows and the units of one panel. Pointers are to the first
// row and unit. Arrays without a stride of rows have the stride `hidden`.
typedef struct HeedRecurrentForward {
  size_t rows, units, hidden;
  const float *sums;
  size_t sums_row, sums_gate; // from a row and from a gate to the next
  float *gates;               // w_ih x_t, gate g at g * hidden; if `keep`, the row of the reserve
  ptrdiff_t gates_row;
  bool keep;
  const float *bias;  // of a_t, gate g at g * hidden; behind those of a GRU that of u_n
  float *cell;        // c
  const float *state; // h_(t-1)
  ptrdiff_t state_row;
  float *reset; // r * h_(t-1); of an LSTM with a projection o * tanh(c)
  ptrdiff_t reset_row;
  float *next; // where the next step reads h_t of rows below next_rows; the others end here:
  ptrdiff_t next_row;
  size_t next_rows;
  float *last; // their row is order[r]; or null
  const size_t *order;
  float *output; // row r at output_first[r] + output_offset; or null
  const ptrdiff_t *output_first;
  ptrdiff_t output_offset;
} HeedRecurrentForward;

// The same for the backward pass. dh_t is the sum of the output's gradient and of the gradient from the next step, which at a sequence's
// last step is `carry`.
typedef struct HeedRecurrentBackward {
  size_t rows, units, hidden;
  const float *sums; // of rows below product_rows
  size_t sums_row, product_rows;
  float *carry, *d_c;   // dh and dc between steps
  const float *reserve; // column g at g * hidden
  ptrdiff_t reserve_row;
  size_t reserve_columns;     // that are read
  const float *previous_cell; // c_(t-1); null where there is none
  ptrdiff_t previous_cell_row;
  float *d_gates; // gradients of the gates' arguments, column g at g * hidden
  ptrdiff_t d_gates_row;
  size_t d_gates_columns;
  const float *d_output; // its gradient, as the output of the forward pass
  const ptrdiff_t *d_output_first;
  ptrdiff_t d_output_offset;
  float *d_h; // dh_t, laid out as the output: row r at d_h_first[r] + d_h_offset; or null
  const ptrdiff_t *d_h_first;
  ptrdiff_t d_h_offset;
  float *d_h_0; // for the end: row order[r]
  const size_t *order;
  bool carries; // whether dh passes by the product, as in a GRU
} HeedRecurrentBackward;

typedef struct HeedRecurrentKernels {
  void (*product)(const HeedRecurrentProduct *);
  // [cell][phase]; of an LSTM the second is that of the projection, which the backward pass takes first.
  void (*forward[HEED_RECURRENT_CELL_COUNT][2])(const HeedRecurrentForward *);
  void (*backward[HEED_RECURRENT_CELL_COUNT][2])(const HeedRecurrentBackward *);
  void (*backward_end)(const HeedRecurrentBackward *); // h_0 <- dh
} HeedRecurrentKernels;

#endif
