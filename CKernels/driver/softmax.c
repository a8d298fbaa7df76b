// Softmax: checks, one task a few rows. Rows whose columns are not contiguous are brought into scratch and back, by transposes where rows
// are contiguous the other way, so that every layout takes the same kernel and gives the same bits.

#include "softmax.h"

#include "dispatch.h"
#include "parallel.h"
#include "scratch.h"
#include "softmax_checks.h"

// A task has about this many elements, enough that handing it out costs nothing.
#define TASK_ELEMENTS 16384
// Additions and multiplications of an element, for the choice of how many cores are worth it.
#define FLOPS_PER_ELEMENT 20.0

// Rows of at most this many columns (twice 8 KiB) are brought near before their turn.
#define NEAR_COLUMNS 2048

typedef struct Call {
  const HeedKernels *kernels;
  const HeedSoftmaxShape *shape;
  const HeedSoftmaxInputs *inputs;
  float *output;
  size_t task_rows, block_rows; // block_rows: brought into scratch at a time
  bool direct;                  // input and output are contiguous along columns
  char *scratch;
  size_t scratch_stride, row_stride; // bytes a worker, floats a row of the block
} Call;

// The mask of row i with contiguous columns: where it lies, or gathered into `copy`.
static const uint8_t *contiguous_mask(const Call *call, size_t i, uint8_t *copy) {
  const HeedSoftmaxShape *s = call->shape;
  if (!call->inputs->mask) return NULL;
  const uint8_t *mask = call->inputs->mask + (ptrdiff_t)i * s->mask_row;
  if (s->mask_column == 1) return mask;
  for (size_t j = 0; j < s->columns; j++) copy[j] = mask[(ptrdiff_t)j * s->mask_column];
  return copy;
}

static void softmax_rows(void *context, size_t task, size_t worker) {
  const Call *call = context;
  const HeedSoftmaxShape *s = call->shape;
  float *block = (float *)(void *)(call->scratch + worker * call->scratch_stride);
  uint8_t *mask = (uint8_t *)(block + (call->direct ? 0 : call->block_rows * call->row_stride));
  const size_t first = task * call->task_rows, end = s->rows - first < call->task_rows ? s->rows : first + call->task_rows;
  for (size_t i = first; i < end; i += call->block_rows) {
    const size_t rows = end - i < call->block_rows ? end - i : call->block_rows;
    const float *input = call->inputs->input + (ptrdiff_t)i * s->input_row;
    float *output = call->output + (ptrdiff_t)i * s->output_row;
    const ptrdiff_t stride = (ptrdiff_t)call->row_stride;
    const bool near = call->direct && s->columns <= NEAR_COLUMNS;
    if (!call->direct) call->kernels->copy_strided(input, s->input_row, s->input_column, rows, s->columns, block, stride, 1);
    for (size_t r = 0; r < rows; r++) {
      const HeedSoftmaxRow row = {
          .columns = s->columns,
          .visible = s->columns,
          .input = call->direct ? input + (ptrdiff_t)r * s->input_row : block + (ptrdiff_t)r * stride,
          .output = call->direct ? output + (ptrdiff_t)r * s->output_row : block + (ptrdiff_t)r * stride,
          .boolean = contiguous_mask(call, i + r, mask),
          .scale = s->scale,
          .logarithm = s->logarithm,
          .next_input = near && r + 1 < rows ? input + (ptrdiff_t)(r + 1) * s->input_row : NULL,
          .next_output = near && r + 1 < rows ? output + (ptrdiff_t)(r + 1) * s->output_row : NULL,
      };
      call->kernels->softmax_row(&row);
    }
    if (!call->direct) call->kernels->copy_strided(block, stride, 1, rows, s->columns, output, s->output_row, s->output_column);
  }
}

HeedStatus heed_softmax_forward(const HeedSoftmaxShape *shape, const HeedSoftmaxInputs *inputs, float *output) {
  const HeedStatus status = heed_softmax_check(shape, inputs, output, true);
  if (status != HeedStatusOk) return status;
  if (shape->rows == 0 || shape->columns == 0) return HeedStatusOk;
  Call call = {.kernels = heed_kernels(), .shape = shape, .inputs = inputs, .output = output};
  call.direct = shape->input_column == 1 && shape->output_column == 1;
  call.block_rows = call.kernels->lanes;
  call.row_stride = (shape->columns + 31) / 16 * 16; // never a multiple of a page
  if (call.row_stride % 1024 == 0) call.row_stride += 16;
  call.task_rows = TASK_ELEMENTS / shape->columns / call.block_rows * call.block_rows;
  if (call.task_rows == 0) call.task_rows = call.direct ? 1 : call.block_rows;
  const size_t tasks = shape->rows / call.task_rows + (shape->rows % call.task_rows != 0);
  const size_t width = heed_parallel_width(tasks, FLOPS_PER_ELEMENT * (double)shape->rows * (double)shape->columns);
  const bool gathers = inputs->mask && shape->mask_column != 1;
  const size_t block = call.direct ? 0 : heed_size_product(call.block_rows * sizeof(float), call.row_stride);
  call.scratch_stride = heed_size_sum(block, gathers ? (shape->columns + 63) / 64 * 64 : 64);
  call.scratch = heed_scratch_push(heed_size_product(width, call.scratch_stride));
  if (!call.scratch) return HeedStatusOutOfMemory;
  heed_parallel_for(tasks, width, softmax_rows, &call);
  heed_scratch_pop(call.scratch);
  return HeedStatusOk;
}
