// Private: how the rows of a softmax, or of its gradient, are cut into tasks and brought into scratch; shared by both drivers.

#ifndef HEED_SOFTMAX_ROWS_H
#define HEED_SOFTMAX_ROWS_H

#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

#define HEED_SOFTMAX_FLOPS_PER_ELEMENT 20.0 // over all passes, the exponential the most of them

typedef struct HeedSoftmaxRows {
  size_t task_rows, block_rows, tasks; // block_rows: brought into scratch at a time
  size_t row_stride;                   // floats a row of a block in scratch
  size_t scratch_stride;               // bytes per worker, with room for a gathered mask
} HeedSoftmaxRows;

// For rows and columns above 0. `direct`: everything is contiguous along the columns, else `blocks` blocks of rows are held in scratch.
static inline HeedSoftmaxRows heed_softmax_rows(const HeedKernels *kernels, size_t rows, size_t columns, bool direct, size_t blocks,
                                                bool gathers_mask) {
  HeedSoftmaxRows plan = {.block_rows = kernels->lanes};
  plan.row_stride = (columns + 31) / 16 * 16; // never a multiple of a page
  if (plan.row_stride % 1024 == 0) plan.row_stride += 16;
  plan.task_rows = HEED_TASK_ELEMENTS / columns / plan.block_rows * plan.block_rows;
  if (plan.task_rows == 0) plan.task_rows = direct ? 1 : plan.block_rows;
  plan.tasks = heed_divide_up(rows, plan.task_rows);
  const size_t held = direct ? 0 : heed_size_product(blocks * plan.block_rows * sizeof(float), plan.row_stride);
  plan.scratch_stride = heed_size_sum(held, gathers_mask ? heed_round_up(columns, 64) : 64);
  return plan;
}

// A row's mask with contiguous columns: in place, or gathered into `copy`; null if there is none.
static inline const uint8_t *heed_softmax_contiguous_mask(const uint8_t *mask, size_t row, ptrdiff_t row_stride, ptrdiff_t column_stride,
                                                          size_t columns, uint8_t *copy) {
  if (!mask) return NULL;
  mask += (ptrdiff_t)row * row_stride;
  if (column_stride == 1) return mask;
  for (size_t j = 0; j < columns; j++) copy[j] = mask[(ptrdiff_t)j * column_stride];
  return copy;
}

#endif
