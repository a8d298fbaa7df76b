// Sparse products: checks, one task per few rows.

#include "checks/sparse_checks.h"
#include "runtime/bad_index.h"
#include "runtime/profile.h"
#include "runtime/sizes.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

// Rows per task: enough to hand out cheaply, and so few that rows with many entries do not leave the other cores waiting.
#define TASK_ROWS 32

typedef struct Call {
  void (*kernel)(const HeedSparseRows *rows);
  HeedSparseRows rows;
} Call;

static void run_rows(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  HeedSparseRows rows = call->rows;
  rows.first_row = task * TASK_ROWS;
  rows.end_row = rows.first_row + heed_size_min(rows.a->rows - rows.first_row, TASK_ROWS);
  call->kernel(&rows);
}

static void run(Call *call) {
  const HeedSparse *a = call->rows.a;
  const size_t tasks = heed_divide_up(a->rows, TASK_ROWS);
  const double flops = 4.0 * (double)call->rows.width * ((double)a->entries + (double)a->rows);
  heed_parallel_for(tasks, heed_parallel_width(tasks, flops), run_rows, call);
}

HeedStatus heed_sparse_check(const HeedSparse *a) {
  HEED_ENTRY();
  if (!a) return HeedStatusBadArgument;
  if (a->rows >= INT32_MAX || a->columns > INT32_MAX || a->entries > INT32_MAX) return HeedStatusBadShape;
  if (!a->offsets || (a->entries > 0 && !a->column)) return HeedStatusBadArgument;
  if (a->offsets[0] != 0 || (size_t)a->offsets[a->rows] != a->entries) return HeedStatusBadArgument;
  for (size_t r = 0; r < a->rows; r++)
    if (a->offsets[r] > a->offsets[r + 1]) return HeedStatusBadArgument;
  return heed_check_indices_int32("column", a->column, a->entries, a->columns);
}

HeedStatus heed_sparse_forward(const HeedSparse *a, const HeedSparseShape *shape, const float *x, float *y) {
  HEED_ENTRY();
  HeedStatus status = shape ? heed_sparse_check(a) : HeedStatusBadArgument;
  if (status == HeedStatusOk) status = heed_sparse_check_matrix(a->columns, shape->width, shape->x_row, shape->x_column, false);
  if (status == HeedStatusOk) status = heed_sparse_check_matrix(a->rows, shape->width, shape->y_row, shape->y_column, true);
  if (status != HeedStatusOk) return status;
  if (a->rows == 0 || shape->width == 0) return HeedStatusOk;
  if (!y || (a->entries > 0 && !x)) return HeedStatusBadArgument;
  Call call = {.kernel = heed_kernels()->sparse.multiply,
               .rows = {.a = a,
                        .width = shape->width,
                        .matrix = x,
                        .matrix_row = shape->x_row,
                        .matrix_column = shape->x_column,
                        .output = y,
                        .output_row = shape->y_row,
                        .output_column = shape->y_column}};
  run(&call);
  return HeedStatusOk;
}

// Counting sort: entries of a column keep their order.
HeedStatus heed_sparse_transpose(const HeedSparse *a, int32_t *offsets, int32_t *column, float *value, int32_t *entry) {
  HEED_ENTRY();
  const HeedStatus status = heed_sparse_check(a);
  if (status != HeedStatusOk) return status;
  if (!offsets || (a->entries > 0 && !column)) return HeedStatusBadArgument;
  // offsets[c + 1] counts, then is where column c begins, then where it ends.
  for (size_t c = 0; c <= a->columns; c++) offsets[c] = 0;
  for (size_t e = 0; e < a->entries; e++)
    if ((size_t)a->column[e] + 2 <= a->columns) offsets[a->column[e] + 2]++;
  for (size_t c = 2; c <= a->columns; c++) offsets[c] += offsets[c - 1];
  for (size_t r = 0; r < a->rows; r++)
    for (int32_t e = a->offsets[r]; e < a->offsets[r + 1]; e++) {
      const int32_t to = offsets[a->column[e] + 1]++;
      column[to] = (int32_t)r;
      if (value) value[to] = a->value ? a->value[e] : 1;
      if (entry) entry[to] = e;
    }
  return HeedStatusOk;
}
