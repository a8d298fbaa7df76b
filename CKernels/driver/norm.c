// Norms forward: checks, one task per few rows.

#include "heed/norm.h"

#include "checks/norm_checks.h"
#include "runtime/profile.h"
#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

#define FLOPS_PER_ELEMENT 20.0 // over all passes over its row

typedef struct Call {
  const HeedKernels *kernels;
  const HeedNormShape *shape;
  const HeedNormInputs *inputs;
  const HeedNormOutputs *outputs;
  size_t task_rows;
} Call;

static void norm_rows(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedNormShape *s = call->shape;
  const HeedNormInputs *in = call->inputs;
  const HeedNormOutputs *out = call->outputs;
  const size_t first = task * call->task_rows, end = first + heed_size_min(s->rows - first, call->task_rows);
  for (size_t i = first; i < end; i++) {
    const ptrdiff_t r = (ptrdiff_t)i;
    const HeedNormRow row = {
        .kind = s->kind,
        .columns = s->columns,
        .epsilon = s->epsilon,
        .input = in->input + r * s->input_row,
        .residual = in->residual ? in->residual + r * s->residual_row : NULL,
        .weight = in->weight,
        .bias = in->bias,
        .output = out->output ? out->output + r * s->output_row : NULL,
        .sum = out->sum ? out->sum + r * s->sum_row : NULL,
        .statistics = out->statistics ? out->statistics + i * HEED_NORM_STATISTICS : NULL,
    };
    call->kernels->norm.forward_row(&row);
  }
}

HeedStatus heed_norm_forward(const HeedNormShape *shape, const HeedNormInputs *inputs, const HeedNormOutputs *outputs) {
  HEED_ENTRY();
  const HeedStatus status = heed_norm_check_forward(shape, inputs, outputs);
  if (status != HeedStatusOk) return status;
  if (shape->rows == 0 || shape->columns == 0) return HeedStatusOk;
  Call call = {heed_kernels(), shape, inputs, outputs, heed_task_rows(shape->columns)};
  const size_t tasks = heed_divide_up(shape->rows, call.task_rows);
  heed_parallel_shares(tasks, heed_parallel_width(tasks, FLOPS_PER_ELEMENT * (double)shape->rows * (double)shape->columns), norm_rows,
                       &call);
  return HeedStatusOk;
}
