// Gradients of softmax: checks, one task a few rows. What is not contiguous along the columns is brought into scratch, so that every layout
// takes the same kernel and gives the same bits.

#include "softmax_backward.h"

#include "dispatch.h"
#include "parallel.h"
#include "scratch.h"
#include "softmax_backward_checks.h"

#define TASK_ELEMENTS     16384
#define FLOPS_PER_ELEMENT 20.0 // for the choice of how many cores are worth it

typedef struct Call {
  const HeedKernels *kernels;
  const HeedSoftmaxBackwardShape *shape;
  const HeedSoftmaxBackwardInputs *inputs;
  float *gradient;
  size_t task_rows, block_rows; // block_rows: brought into scratch at a time
  bool direct;                  // all three are contiguous along columns
  char *scratch;
  size_t scratch_stride, row_stride; // bytes a worker, floats a row of a block
} Call;

// The mask of row i with contiguous columns: where it lies, or gathered into `copy`.
static const uint8_t *contiguous_mask(const Call *call, size_t i, uint8_t *copy) {
  const HeedSoftmaxBackwardShape *s = call->shape;
  if (!call->inputs->mask) return NULL;
  const uint8_t *mask = call->inputs->mask + (ptrdiff_t)i * s->mask_row;
  if (s->mask_column == 1) return mask;
  for (size_t j = 0; j < s->columns; j++) copy[j] = mask[(ptrdiff_t)j * s->mask_column];
  return copy;
}

// `rows` rows from row i on, at most block_rows of them.
static void backward_block(const Call *call, size_t i, size_t rows, float *block) {
  const HeedSoftmaxBackwardShape *s = call->shape;
  const ptrdiff_t stride = (ptrdiff_t)call->row_stride;
  float *other = block + (call->direct ? 0 : call->block_rows * call->row_stride);
  uint8_t *mask = (uint8_t *)(other + (call->direct ? 0 : call->block_rows * call->row_stride));
  const float *y = call->inputs->output + (ptrdiff_t)i * s->output_row;
  const float *dy = call->inputs->output_gradient + (ptrdiff_t)i * s->output_gradient_row;
  float *dx = call->gradient + (ptrdiff_t)i * s->input_gradient_row;
  if (!call->direct) {
    call->kernels->copy_strided(y, s->output_row, s->output_column, rows, s->columns, block, stride, 1);
    call->kernels->copy_strided(dy, s->output_gradient_row, s->output_gradient_column, rows, s->columns, other, stride, 1);
  }
  for (size_t r = 0; r < rows; r++) {
    const ptrdiff_t p = (ptrdiff_t)r;
    const HeedSoftmaxBackwardRow row = {
        .columns = s->columns,
        .output = call->direct ? y + p * s->output_row : block + p * stride,
        .output_gradient = call->direct ? dy + p * s->output_gradient_row : other + p * stride,
        .input_gradient = call->direct ? dx + p * s->input_gradient_row : block + p * stride,
        .mask = contiguous_mask(call, i + r, mask),
        .scale = s->scale,
        .logarithm = s->logarithm,
    };
    call->kernels->softmax_backward.row(&row);
  }
  if (!call->direct) call->kernels->copy_strided(block, stride, 1, rows, s->columns, dx, s->input_gradient_row, s->input_gradient_column);
}

static void backward_rows(void *context, size_t task, size_t worker) {
  const Call *call = context;
  float *block = (float *)(void *)(call->scratch + worker * call->scratch_stride);
  const size_t rows = call->shape->rows, first = task * call->task_rows;
  const size_t end = rows - first < call->task_rows ? rows : first + call->task_rows;
  for (size_t i = first; i < end; i += call->block_rows)
    backward_block(call, i, end - i < call->block_rows ? end - i : call->block_rows, block);
}

HeedStatus heed_softmax_backward(const HeedSoftmaxBackwardShape *shape, const HeedSoftmaxBackwardInputs *inputs, float *input_gradient) {
  const HeedStatus status = heed_softmax_backward_check(shape, inputs, input_gradient, true);
  if (status != HeedStatusOk) return status;
  if (shape->rows == 0 || shape->columns == 0) return HeedStatusOk;
  Call call = {.kernels = heed_kernels(), .shape = shape, .inputs = inputs, .gradient = input_gradient};
  call.direct = shape->output_column == 1 && shape->output_gradient_column == 1 && shape->input_gradient_column == 1;
  call.block_rows = call.kernels->lanes;
  call.row_stride = (shape->columns + 31) / 16 * 16; // never a multiple of a page
  if (call.row_stride % 1024 == 0) call.row_stride += 16;
  call.task_rows = TASK_ELEMENTS / shape->columns / call.block_rows * call.block_rows;
  if (call.task_rows == 0) call.task_rows = call.direct ? 1 : call.block_rows;
  const size_t tasks = (shape->rows - 1) / call.task_rows + 1;
  const size_t width = heed_parallel_width(tasks, FLOPS_PER_ELEMENT * (double)shape->rows * (double)shape->columns);
  const bool gathers = inputs->mask && shape->mask_column != 1;
  const size_t blocks = call.direct ? 0 : heed_size_product(2 * call.block_rows * sizeof(float), call.row_stride);
  call.scratch_stride = heed_size_sum(blocks, gathers ? (shape->columns + 63) / 64 * 64 : 64);
  call.scratch = heed_scratch_push(heed_size_product(width, call.scratch_stride));
  if (!call.scratch) return HeedStatusOutOfMemory;
  heed_parallel_for(tasks, width, backward_rows, &call);
  heed_scratch_pop(call.scratch);
  return HeedStatusOk;
}
