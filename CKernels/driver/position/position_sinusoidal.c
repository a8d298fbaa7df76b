// Sinusoidal positions: checks, one task per few rows.

#include "checks/position_checks.h"
#include "driver/position/position_table.h"
#include "heed/position.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

typedef struct Call {
  const HeedKernels *kernels;
  const HeedPositionSinusoidalShape *shape;
  const float *input, *table; // row 0 of the table: the first position's
  float *output;
  size_t task_rows;
} Call;

static void add_rows(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedPositionSinusoidalShape *s = call->shape;
  const size_t rows = s->batch * s->length, first = task * call->task_rows;
  const size_t end = first + heed_size_min(rows - first, call->task_rows);
  for (size_t i = first; i < end; i++) {
    const ptrdiff_t b = (ptrdiff_t)(i / s->length), t = (ptrdiff_t)(i % s->length);
    call->kernels->position.add(s->columns, call->input + b * s->input_batch + t * s->input_row, call->table + (size_t)t * s->columns,
                                call->output + b * s->output_batch + t * s->output_row);
  }
}

static HeedPositionTable table_of(const HeedPositionSinusoidalShape *s) {
  return (HeedPositionTable){.first_position = s->first_position, .length = s->length, .columns = s->columns, .base = s->base};
}

HeedStatus heed_position_sinusoidal_table(const HeedPositionSinusoidalShape *shape, float *table) {
  HEED_ENTRY();
  const HeedStatus status = heed_position_check_sinusoidal(shape, false);
  if (status != HeedStatusOk) return status;
  if (shape->length == 0 || shape->columns == 0) return HeedStatusOk;
  if (!table) return HeedStatusBadArgument;
  const HeedPositionTable description = table_of(shape);
  return heed_position_table_fill(&description, table) ? HeedStatusOk : HeedStatusOutOfMemory;
}

HeedStatus heed_position_sinusoidal_forward(const HeedPositionSinusoidalShape *shape, const float *input, const float *table,
                                            size_t table_rows, float *output) {
  HEED_ENTRY();
  const HeedStatus status = heed_position_check_sinusoidal(shape, true);
  if (status != HeedStatusOk) return status;
  const HeedPositionSinusoidalShape *s = shape;
  if (s->batch == 0 || s->length == 0 || s->columns == 0) return HeedStatusOk;
  if (!input || !output || !heed_position_is_in_table(s->first_position, s->length, table, table_rows)) return HeedStatusBadArgument;
  float *own = NULL;
  if (!table) {
    const HeedPositionTable description = table_of(s);
    own = heed_scratch_push(heed_size_product(heed_size_product(s->length, s->columns), sizeof(float)));
    if (!own) return HeedStatusOutOfMemory;
    if (!heed_position_table_fill(&description, own)) {
      heed_scratch_pop(own);
      return HeedStatusOutOfMemory;
    }
  }
  Call call = {heed_kernels(), s, input, own ? own : table + (size_t)s->first_position * s->columns, output, heed_task_rows(s->columns)};
  const size_t rows = s->batch * s->length, tasks = heed_divide_up(rows, call.task_rows);
  heed_parallel_for(tasks, heed_parallel_width(tasks, HEED_COPY_FLOPS * (double)rows * (double)s->columns), add_rows, &call);
  if (own) heed_scratch_pop(own);
  return HeedStatusOk;
}
