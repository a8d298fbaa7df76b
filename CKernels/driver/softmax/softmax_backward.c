// Gradients of softmax: checks, then one task per few rows. Rows that are not contiguous are copied into scratch, so that every layout
// takes the same kernel and gives the same bits.

#include "heed/softmax.h"

#include "checks/softmax_checks.h"
#include "driver/softmax/softmax_rows.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

typedef struct Call {
  const HeedKernels *kernels;
  const HeedSoftmaxBackwardShape *shape;
  const HeedSoftmaxBackwardInputs *inputs;
  float *d_input;
  HeedSoftmaxRows plan;
  bool direct; // all three are contiguous along columns
  char *scratch;
} Call;

// `rows` rows from row i on, at most block_rows of them.
static void backward_block(const Call *call, size_t i, size_t rows, float *block) {
  const HeedSoftmaxBackwardShape *s = call->shape;
  const ptrdiff_t stride = (ptrdiff_t)call->plan.row_stride;
  float *other = block + (call->direct ? 0 : call->plan.block_rows * call->plan.row_stride);
  uint8_t *mask = (uint8_t *)(other + (call->direct ? 0 : call->plan.block_rows * call->plan.row_stride));
  const float *y = call->inputs->output + (ptrdiff_t)i * s->output_row;
  const float *dy = call->inputs->d_output + (ptrdiff_t)i * s->d_output_row;
  float *dx = call->d_input + (ptrdiff_t)i * s->d_input_row;
  if (!call->direct) {
    call->kernels->matrix.copy(y, s->output_row, s->output_column, rows, s->columns, block, stride, 1);
    call->kernels->matrix.copy(dy, s->d_output_row, s->d_output_column, rows, s->columns, other, stride, 1);
  }
  for (size_t r = 0; r < rows; r++) {
    const ptrdiff_t p = (ptrdiff_t)r;
    const HeedSoftmaxBackwardRow row = {
        .columns = s->columns,
        .output = call->direct ? y + p * s->output_row : block + p * stride,
        .d_output = call->direct ? dy + p * s->d_output_row : other + p * stride,
        .d_input = call->direct ? dx + p * s->d_input_row : block + p * stride,
        .mask = heed_softmax_contiguous_mask(call->inputs->mask, i + r, s->mask_row, s->mask_column, s->columns, mask),
        .scale = s->scale,
        .logarithm = s->logarithm,
    };
    call->kernels->softmax_backward.row(&row);
  }
  if (!call->direct) call->kernels->matrix.copy(block, stride, 1, rows, s->columns, dx, s->d_input_row, s->d_input_column);
}

static void backward_rows(void *context, size_t task, size_t worker) {
  const Call *call = context;
  float *block = (float *)(void *)(call->scratch + worker * call->plan.scratch_stride);
  const size_t rows = call->shape->rows, first = task * call->plan.task_rows;
  const size_t end = first + heed_size_min(rows - first, call->plan.task_rows);
  for (size_t i = first; i < end; i += call->plan.block_rows) backward_block(call, i, heed_size_min(end - i, call->plan.block_rows), block);
}

HeedStatus heed_softmax_backward(const HeedSoftmaxBackwardShape *shape, const HeedSoftmaxBackwardInputs *inputs, float *d_input) {
  HEED_ENTRY_FLUSHING_DENORMALS();
  const HeedStatus status = heed_softmax_backward_check(shape, inputs, d_input, true);
  if (status != HeedStatusOk) return status;
  if (shape->rows == 0 || shape->columns == 0) return HeedStatusOk;
  Call call = {.kernels = heed_kernels(), .shape = shape, .inputs = inputs, .d_input = d_input};
  call.direct = shape->output_column == 1 && shape->d_output_column == 1 && shape->d_input_column == 1;
  call.plan = heed_softmax_rows(call.kernels, shape->rows, shape->columns, call.direct, 2, inputs->mask && shape->mask_column != 1);
  const size_t tasks = call.plan.tasks;
  const size_t width = heed_parallel_width(tasks, HEED_SOFTMAX_FLOPS_PER_ELEMENT * (double)shape->rows * (double)shape->columns);
  call.scratch = heed_scratch_push(heed_size_product(width, call.plan.scratch_stride));
  if (!call.scratch) return HeedStatusOutOfMemory;
  heed_parallel_shares(tasks, width, backward_rows, &call);
  heed_scratch_pop(call.scratch);
  return HeedStatusOk;
}
