// Softmax: checks, one task per few rows. Rows whose columns are not contiguous are brought into scratch and back, by transposes where rows
// are contiguous the other way, so that every layout takes the same kernel and gives the same bits.

#include "heed/softmax.h"

#include "checks/softmax_checks.h"
#include "driver/softmax/softmax_rows.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

// Rows of at most this many columns (twice 8 KiB) are prefetched before their turn.
#define PREFETCH_COLUMNS 2048

typedef struct Call {
  const HeedKernels *kernels;
  const HeedSoftmaxShape *shape;
  const HeedSoftmaxInputs *inputs;
  float *output;
  HeedSoftmaxRows plan;
  bool direct; // input and output are contiguous along columns
  char *scratch;
} Call;

static void softmax_rows(void *context, size_t task, size_t worker) {
  const Call *call = context;
  const HeedSoftmaxShape *s = call->shape;
  float *block = (float *)(void *)(call->scratch + worker * call->plan.scratch_stride);
  uint8_t *mask = (uint8_t *)(block + (call->direct ? 0 : call->plan.block_rows * call->plan.row_stride));
  const size_t first = task * call->plan.task_rows, end = first + heed_size_min(s->rows - first, call->plan.task_rows);
  for (size_t i = first; i < end; i += call->plan.block_rows) {
    const size_t rows = heed_size_min(end - i, call->plan.block_rows);
    const float *input = call->inputs->input + (ptrdiff_t)i * s->input_row;
    float *output = call->output + (ptrdiff_t)i * s->output_row;
    const ptrdiff_t stride = (ptrdiff_t)call->plan.row_stride;
    const bool prefetches = call->direct && s->columns <= PREFETCH_COLUMNS;
    if (!call->direct) call->kernels->matrix.copy(input, s->input_row, s->input_column, rows, s->columns, block, stride, 1);
    for (size_t r = 0; r < rows; r++) {
      const HeedSoftmaxRow row = {
          .columns = s->columns,
          .visible = s->columns,
          .input = call->direct ? input + (ptrdiff_t)r * s->input_row : block + (ptrdiff_t)r * stride,
          .output = call->direct ? output + (ptrdiff_t)r * s->output_row : block + (ptrdiff_t)r * stride,
          .boolean = heed_softmax_contiguous_mask(call->inputs->mask, i + r, s->mask_row, s->mask_column, s->columns, mask),
          .scale = s->scale,
          .logarithm = s->logarithm,
          .next_input = prefetches && r + 1 < rows ? input + (ptrdiff_t)(r + 1) * s->input_row : NULL,
          .next_output = prefetches && r + 1 < rows ? output + (ptrdiff_t)(r + 1) * s->output_row : NULL,
      };
      call->kernels->softmax.row(&row);
    }
    if (!call->direct) call->kernels->matrix.copy(block, stride, 1, rows, s->columns, output, s->output_row, s->output_column);
  }
}

HeedStatus heed_softmax_forward(const HeedSoftmaxShape *shape, const HeedSoftmaxInputs *inputs, float *output) {
  HEED_ENTRY();
  const HeedStatus status = heed_softmax_check(shape, inputs, output, true);
  if (status != HeedStatusOk) return status;
  if (shape->rows == 0 || shape->columns == 0) return HeedStatusOk;
  Call call = {.kernels = heed_kernels(), .shape = shape, .inputs = inputs, .output = output};
  call.direct = shape->input_column == 1 && shape->output_column == 1;
  call.plan = heed_softmax_rows(call.kernels, shape->rows, shape->columns, call.direct, 1, inputs->mask && shape->mask_column != 1);
  const size_t tasks = call.plan.tasks;
  const size_t width = heed_parallel_width(tasks, HEED_SOFTMAX_FLOPS_PER_ELEMENT * (double)shape->rows * (double)shape->columns);
  call.scratch = heed_scratch_push(heed_size_product(width, call.plan.scratch_stride));
  if (!call.scratch) return HeedStatusOutOfMemory;
  heed_parallel_shares(tasks, width, softmax_rows, &call);
  heed_scratch_pop(call.scratch);
  return HeedStatusOk;
}
