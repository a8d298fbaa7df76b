// Matrix product by OpenBLAS: checks, the arguments for its interface, and one call per tile of C. Its own threads are not used: tiles are
// our tasks.

#include <limits.h>

#include "checks/gemm_checks.h"
#include "driver/gemm/gemm_roles.h"
#include "heed/gemm.h"
#include "runtime/blas.h"
#include "runtime/profile.h"
#include "runtime/threads/tasks.h"

// OpenBLAS copies its operands in every call, so tiles are as large as possible while there are enough to share. Their size depends only on
// the shape.
#define TILE_MOST  512
#define TILE_LEAST 96 // fewer do not pay for the copies

typedef struct Operand {
  int transpose, leading;
} Operand;

typedef struct Call {
  HeedCblasSgemm sgemm;
  HeedGemmShape shape;
  Operand a_form, b_form;
  int leading;
  const float *a, *b;
  float *c;
  size_t tile_rows, tile_columns, row_tiles, column_tiles;
} Call;

// Rows are contiguous and do not overlap: the stride of rows is a leading dimension. A matrix of one row has none.
static bool is_row_major(size_t rows, size_t columns, ptrdiff_t row, ptrdiff_t column, int *leading) {
  if (column != 1 && columns > 1) return false;
  if (rows <= 1) {
    *leading = columns ? (int)columns : 1;
    return true;
  }
  *leading = (int)row;
  return row >= (ptrdiff_t)columns && row >= 1 && row <= INT_MAX;
}

static bool operand_fits(size_t rows, size_t columns, ptrdiff_t row, ptrdiff_t column, Operand *form) {
  form->transpose = HEED_CBLAS_NO_TRANSPOSE;
  if (is_row_major(rows, columns, row, column, &form->leading)) return true;
  form->transpose = HEED_CBLAS_TRANSPOSE;
  return is_row_major(columns, rows, column, row, &form->leading);
}

// Turns the problem into one with row-major C, by C^T = B^T A^T if necessary. Returns false if a size or stride is not for BLAS.
static bool plan(Call *call) {
  const HeedGemmShape s = call->shape;
  if (s.m > INT_MAX || s.n > INT_MAX || s.k > INT_MAX) return false;
  if (!is_row_major(s.m, s.n, s.c_row, s.c_column, &call->leading)) {
    if (!is_row_major(s.n, s.m, s.c_column, s.c_row, &call->leading)) return false;
    call->shape = heed_gemm_transposed(&s);
    const float *a = call->a;
    call->a = call->b, call->b = a;
  }
  const HeedGemmShape *t = &call->shape;
  return operand_fits(t->m, t->k, t->a_row, t->a_column, &call->a_form) && operand_fits(t->k, t->n, t->b_row, t->b_column, &call->b_form);
}

static void choose_tiles(Call *call) {
  const HeedGemmShape *s = &call->shape;
  size_t rows = heed_divide_up(s->m, heed_divide_up(s->m, TILE_MOST)), columns = heed_divide_up(s->n, heed_divide_up(s->n, TILE_MOST));
  while (s->batch * heed_divide_up(s->m, rows) * heed_divide_up(s->n, columns) < HEED_TASKS_WANTED) {
    size_t *larger = rows >= columns ? &rows : &columns;
    if (*larger < 2 * TILE_LEAST) break;
    *larger = heed_divide_up(*larger, 2);
  }
  call->tile_rows = rows, call->tile_columns = columns;
  call->row_tiles = heed_divide_up(s->m, rows), call->column_tiles = heed_divide_up(s->n, columns);
}

static void multiply_tile(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedGemmShape *s = &call->shape;
  const size_t column = task % call->column_tiles * call->tile_columns;
  const size_t row = task / call->column_tiles % call->row_tiles * call->tile_rows;
  const ptrdiff_t batch = (ptrdiff_t)(task / call->column_tiles / call->row_tiles), i = (ptrdiff_t)row, j = (ptrdiff_t)column;
  const size_t rows = heed_size_min(s->m - row, call->tile_rows);
  const size_t columns = heed_size_min(s->n - column, call->tile_columns);
  call->sgemm(HEED_CBLAS_ROW_MAJOR, call->a_form.transpose, call->b_form.transpose, (int)rows, (int)columns, (int)s->k, s->alpha,
              call->a + batch * s->a_batch + i * s->a_row, call->a_form.leading, call->b + batch * s->b_batch + j * s->b_column,
              call->b_form.leading, s->beta, call->c + batch * s->c_batch + i * s->c_row + j * s->c_column, call->leading);
}

HeedStatus heed_gemm_openblas(const HeedGemmShape *shape, const float *a, const float *b, float *c) {
  HEED_ENTRY();
  const HeedStatus status = heed_gemm_check(shape, a, b, c, true);
  if (status != HeedStatusOk) return status;
  Call call = {.sgemm = heed_openblas_sgemm(), .shape = *shape, .a = a, .b = b, .c = c};
  if (!call.sgemm) return HeedStatusNotSupported;
  if (shape->batch == 0 || shape->m == 0 || shape->n == 0) return HeedStatusOk;
  if (!heed_gemm_reads(shape)) return heed_gemm(shape, NULL, a, b, c);
  if (!plan(&call)) return HeedStatusNotSupported;
  choose_tiles(&call);
  const size_t tasks = shape->batch * call.row_tiles * call.column_tiles;
  const double flops = 2.0 * (double)shape->batch * (double)shape->m * (double)shape->n * (double)shape->k;
  heed_parallel_for(tasks, heed_parallel_width(tasks, flops), multiply_tile, &call);
  return HeedStatusOk;
}
