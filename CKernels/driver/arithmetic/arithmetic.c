// Element-wise arithmetic, comparison and selection: checks, axes joined where all operands allow it, one task per stretch of rows or
// columns.

#include "heed/arithmetic.h"

#include "checks/arithmetic_checks.h"
#include "runtime/profile.h"
#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

typedef enum Kind { KindForward, KindCompare, KindSelect } Kind;

typedef struct Call {
  const HeedKernels *kernels;
  Kind kind;
  int operation;
  HeedArithmeticShape shape; // joined
  HeedArithmeticInputs inputs;
  void *output;
  size_t output_bytes;
  size_t rows, columns; // all but the last axis, the last axis
  size_t task_rows, task_columns, column_tasks;
} Call;

// Leaves out axes of size 1 and joins neighbours that follow each other evenly in every operand. At least one axis remains.
static HeedArithmeticShape joined(const HeedArithmeticShape *s) {
  HeedArithmeticShape j = {.axes = 0};
  for (size_t i = 0; i < s->axes; i++) {
    const ptrdiff_t size = (ptrdiff_t)s->size[i];
    if (size == 1) continue;
    const size_t last = j.axes - 1;
    const bool continues = j.axes > 0 && j.output[last] == s->output[i] * size && j.a[last] == s->a[i] * size &&
                           j.b[last] == s->b[i] * size && j.mask[last] == s->mask[i] * size;
    const size_t place = continues ? last : j.axes++;
    j.size[place] = continues ? j.size[place] * s->size[i] : s->size[i];
    j.output[place] = s->output[i], j.a[place] = s->a[i], j.b[place] = s->b[i], j.mask[place] = s->mask[i];
  }
  if (j.axes == 0) j = (HeedArithmeticShape){.axes = 1, .size = {1}, .output = {1}, .a = {1}, .b = {1}, .mask = {1}};
  return j;
}

static void apply(const Call *call, const HeedArithmeticBlock *block) {
  const HeedArithmeticKernels *k = &call->kernels->arithmetic;
  switch (call->kind) {
  case KindForward:
    k->forward((HeedArithmeticOperation)call->operation, block);
    break;
  case KindCompare:
    k->compare((HeedArithmeticComparison)call->operation, block);
    break;
  case KindSelect:
    k->select(block);
    break;
  }
}

// Rows `first` to `end` (numbered row-major over all axes but the last), columns from `column` on: block by block along the last axis but
// one.
static void run_rows(const Call *call, size_t first, size_t end, size_t column, size_t columns) {
  const HeedArithmeticShape *s = &call->shape;
  const size_t last = s->axes - 1, row_axis = s->axes > 1 ? s->axes - 2 : 0, row_size = s->axes > 1 ? s->size[row_axis] : 1;
  for (size_t row = first; row < end;) {
    const size_t within = row % row_size, left = row_size - within, rows = heed_size_min(end - row, left);
    ptrdiff_t output = (ptrdiff_t)column * s->output[last], a = (ptrdiff_t)column * s->a[last], b = (ptrdiff_t)column * s->b[last],
              mask = (ptrdiff_t)column * s->mask[last];
    size_t rest = row;
    for (size_t axis = last; axis-- > 0;) {
      const ptrdiff_t index = (ptrdiff_t)(rest % s->size[axis]);
      rest /= s->size[axis];
      output += index * s->output[axis], a += index * s->a[axis], b += index * s->b[axis], mask += index * s->mask[axis];
    }
    const bool has_rows = s->axes > 1;
    const HeedArithmeticBlock block = {
        .rows = rows,
        .columns = columns,
        .a = call->inputs.a + a,
        .b = call->inputs.b ? call->inputs.b + b : NULL,
        .mask = call->inputs.mask ? call->inputs.mask + mask : NULL,
        .output = (char *)call->output + output * (ptrdiff_t)call->output_bytes,
        .a_row = has_rows ? s->a[row_axis] : 0,
        .a_column = s->a[last],
        .b_row = has_rows ? s->b[row_axis] : 0,
        .b_column = s->b[last],
        .mask_row = has_rows ? s->mask[row_axis] : 0,
        .mask_column = s->mask[last],
        .output_row = has_rows ? s->output[row_axis] : 0,
        .output_column = s->output[last],
        .alpha = call->inputs.alpha,
        .beta = call->inputs.beta,
    };
    apply(call, &block);
    row += rows;
  }
}

static void run_task(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const size_t column = task % call->column_tasks * call->task_columns, row = task / call->column_tasks * call->task_rows;
  const size_t columns = heed_size_min(call->columns - column, call->task_columns);
  const size_t end = row + heed_size_min(call->rows - row, call->task_rows);
  run_rows(call, row, end, column, columns);
}

static HeedStatus run(Kind kind, int operation, const HeedArithmeticShape *shape, const HeedArithmeticInputs *inputs, bool reads_b,
                      void *output, size_t output_bytes) {
  const bool reads_mask = kind == KindSelect;
  size_t count;
  const HeedStatus status = heed_arithmetic_check(shape, inputs, reads_b, reads_mask, output, output_bytes, &count);
  if (status != HeedStatusOk || count == 0) return status;
  Call call = {.kind = kind, .operation = operation, .inputs = *inputs, .output = output, .output_bytes = output_bytes};
  HeedArithmeticShape s = *shape;
  if (!reads_b) call.inputs.b = NULL;
  if (!reads_mask) call.inputs.mask = NULL;
  // Strides that are not read must not keep axes apart.
  for (size_t i = 0; i < s.axes; i++) {
    if (!reads_b) s.b[i] = s.a[i];
    if (!reads_mask) s.mask[i] = s.a[i];
  }
  call.kernels = heed_kernels();
  call.shape = joined(&s);
  call.columns = call.shape.size[call.shape.axes - 1];
  call.rows = count / call.columns;
  call.task_columns = heed_size_min(call.columns, HEED_TASK_ELEMENTS);
  call.column_tasks = heed_divide_up(call.columns, call.task_columns);
  call.task_rows = HEED_TASK_ELEMENTS / call.task_columns;
  const size_t tasks = call.column_tasks * heed_divide_up(call.rows, call.task_rows);
  heed_parallel_for(tasks, heed_parallel_width(tasks, HEED_STREAM_FLOPS * (double)count), run_task, &call);
  return HeedStatusOk;
}

HeedStatus heed_arithmetic_forward(const HeedArithmeticShape *shape, HeedArithmeticOperation operation, const HeedArithmeticInputs *inputs,
                                   float *output) {
  HEED_ENTRY();
  if ((unsigned)operation >= HEED_ARITHMETIC_OPERATION_COUNT) return HeedStatusBadArgument;
  return run(KindForward, (int)operation, shape, inputs, operation < HeedArithmeticCopy, output, sizeof(float));
}

HeedStatus heed_arithmetic_compare(const HeedArithmeticShape *shape, HeedArithmeticComparison comparison,
                                   const HeedArithmeticInputs *inputs, uint8_t *output) {
  HEED_ENTRY();
  if ((unsigned)comparison >= HEED_ARITHMETIC_COMPARISON_COUNT) return HeedStatusBadArgument;
  return run(KindCompare, (int)comparison, shape, inputs, true, output, 1);
}

HeedStatus heed_arithmetic_select(const HeedArithmeticShape *shape, const HeedArithmeticInputs *inputs, float *output) {
  HEED_ENTRY();
  return run(KindSelect, 0, shape, inputs, true, output, sizeof(float));
}
