// Gradients of softmax and log-softmax against the float64 reference: shapes, layouts, masks, families of numbers, bits.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "heed/softmax.h"

typedef struct Operand {
  Guarded block;
  float *first;
  size_t count;
  ptrdiff_t row, column;
} Operand;

// Layouts: contiguous, padded rows, transposed, spread, backwards.
static Operand operand(size_t rows, size_t columns, int layout, const float *values) {
  const size_t inner = layout == 3 ? 2 : 1, lines = layout == 2 ? columns : rows, length = layout == 2 ? rows : columns;
  const size_t line = length * inner + (layout == 1 ? 3 : 0);
  Operand x = {.row = (ptrdiff_t)(layout == 2 ? 1 : line), .column = (ptrdiff_t)(layout == 2 ? line : inner)};
  x.count = lines && length ? (lines - 1) * line + (length - 1) * inner + 1 : 0;
  x.block = guarded_allocate(x.count * 4, (rows + columns) % 2 ? GuardBegin : GuardEnd);
  x.first = x.block.data;
  poison_floats(x.first, x.count);
  if (layout == 4 && x.count) x.first += x.count - 1, x.row = -x.row, x.column = -x.column;
  for (size_t i = 0; values && i < rows; i++)
    for (size_t j = 0; j < columns; j++) x.first[(ptrdiff_t)i * x.row + (ptrdiff_t)j * x.column] = values[i * columns + j];
  return x;
}

typedef struct Problem {
  size_t rows, columns;
  float scale;
  bool logarithm;
  const float *y, *dy;
  const uint8_t *mask;
  int layouts[3];
  int place; // of the result: 0 its own, 1 that of y, 2 that of dy
} Problem;

static void run(const Problem *p, float *result) {
  Operand y = operand(p->rows, p->columns, p->layouts[0], p->y), dy = operand(p->rows, p->columns, p->layouts[1], p->dy);
  Operand own = operand(p->rows, p->columns, p->layouts[2], NULL), *dx = p->place == 1 ? &y : p->place == 2 ? &dy : &own;
  const HeedSoftmaxBackwardShape shape = {.rows = p->rows,
                                          .columns = p->columns,
                                          .output_row = y.row,
                                          .output_column = y.column,
                                          .d_output_row = dy.row,
                                          .d_output_column = dy.column,
                                          .d_input_row = dx->row,
                                          .d_input_column = dx->column,
                                          .mask_row = (ptrdiff_t)p->columns,
                                          .mask_column = 1,
                                          .scale = p->scale,
                                          .logarithm = p->logarithm};
  CHECK(heed_softmax_backward(&shape, &(HeedSoftmaxBackwardInputs){y.first, dy.first, p->mask}, dx->first) == HeedStatusOk);
  for (size_t i = 0; i < p->rows; i++)
    for (size_t j = 0; j < p->columns; j++) {
      float *at = dx->first + (ptrdiff_t)i * dx->row + (ptrdiff_t)j * dx->column;
      result[i * p->columns + j] = *at;
      poison_floats(at, 1);
    }
  CHECK(is_poison(dx->block.data, dx->count));
  guarded_free(&y.block);
  guarded_free(&dy.block);
  guarded_free(&own.block);
}

static HeedSoftmaxBackwardShape contiguous(const Problem *p) {
  const ptrdiff_t n = (ptrdiff_t)p->columns;
  return (HeedSoftmaxBackwardShape){.rows = p->rows,
                                    .columns = p->columns,
                                    .output_row = n,
                                    .output_column = 1,
                                    .d_output_row = n,
                                    .d_output_column = 1,
                                    .d_input_row = n,
                                    .d_input_column = 1,
                                    .mask_row = n,
                                    .mask_column = 1,
                                    .scale = p->scale,
                                    .logarithm = p->logarithm};
}

// 2 eps |scale y| (|dy| + |sum|), or 4 eps |scale| (|dy| + (1 + |y| / 8) |exp(y) sum|).
static void check(const Problem *p, const float *dx, const double *expected) {
  for (size_t i = 0; i < p->rows; i++) {
    double sum = 0;
    for (size_t j = 0; j < p->columns; j++) {
      const size_t at = i * p->columns + j;
      if ((!p->mask || p->mask[at]) && (p->logarithm || p->y[at] != 0)) sum += (p->logarithm ? 1 : (double)p->y[at]) * (double)p->dy[at];
    }
    for (size_t j = 0; j < p->columns; j++) {
      const size_t at = i * p->columns + j;
      const double y = (double)p->y[at], dy = fabs((double)p->dy[at]), scale = fabs((double)p->scale);
      const double limit = p->logarithm ? 4 * EPSILON * scale * (dy + (1 + fabs(y) / 8) * exp(y) * fabs(sum))
                                        : 2 * EPSILON * scale * fabs(y) * (dy + fabs(sum)) + 0x1p-125;
      const bool good = isnan(expected[at]) ? isnan(dx[at]) : dx[at] == (float)expected[at] || fabs((double)dx[at] - expected[at]) <= limit;
      CHECK_MESSAGE(good, "%zu x %zu, row %zu column %zu, scale %g, log %d, mask %d: %g instead of %g (%.2f of the bound)", p->rows,
                    p->columns, i, j, (double)p->scale, p->logarithm, p->mask != NULL, (double)dx[at], expected[at],
                    fabs((double)dx[at] - expected[at]) / limit);
    }
  }
}

TEST(softmax_gradient_agrees_with_the_oracle) {
  static const size_t sizes[] = {1, 2, 3, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 129, 257, 1000};
  static const float scales[] = {1, 1, 0.125f, -1.7f, 0};
  const int cases = test_exhaustive ? 10000 : 600;
  for (int c = 0; c < cases && test_failures() < 10; c++) {
    Random r = random_stream(14000 + (uint64_t)c);
    Problem p = {.rows = random_below(&r, 40), .columns = sizes[random_below(&r, 16)], .scale = scales[random_below(&r, 5)]};
    p.logarithm = random_below(&r, 2);
    for (int i = 0; i < 3; i++) p.layouts[i] = (int)random_below(&r, 5);
    p.place = (int)random_below(&r, 3);
    const size_t count = p.rows * p.columns;
    float *x = malloc((4 * count + 1) * sizeof *x), *y = x + count, *dy = y + count, *dx = dy + count;
    double *expected = malloc((count + 1) * sizeof *expected);
    uint8_t *mask = malloc(count + 1);
    const double spread = random_below(&r, 2) ? 1 : 30;
    const bool masked = random_below(&r, 2);
    for (size_t i = 0; i < count; i++)
      x[i] = (float)(spread * random_normal(&r)), dy[i] = (float)random_normal(&r), mask[i] = random_below(&r, 4) != 0;
    const HeedSoftmaxShape forward = {.rows = p.rows,
                                      .columns = p.columns,
                                      .input_row = (ptrdiff_t)p.columns,
                                      .input_column = 1,
                                      .output_row = (ptrdiff_t)p.columns,
                                      .output_column = 1,
                                      .mask_row = (ptrdiff_t)p.columns,
                                      .mask_column = 1,
                                      .scale = p.scale,
                                      .logarithm = p.logarithm};
    p.mask = masked ? mask : NULL;
    CHECK(heed_softmax_forward(&forward, &(HeedSoftmaxInputs){x, p.mask}, y) == HeedStatusOk);
    for (size_t i = 0; i < count; i++) {
      if (masked && !mask[i]) dy[i] = random_below(&r, 2) ? NAN : INFINITY; // what is hidden may hold anything
      if (masked && !mask[i] && p.logarithm) y[i] = NAN;
      if (c % 7 == 0 && random_below(&r, 200) == 0) dy[i] = NAN;
    }
    p.y = y, p.dy = dy;
    const HeedSoftmaxBackwardShape shape = contiguous(&p);
    CHECK(heed_softmax_reference_backward(&shape, &(HeedSoftmaxBackwardInputs){y, dy, p.mask}, expected) == HeedStatusOk);
    heed_thread_count_set(1 + (size_t)c % 3);
    run(&p, dx);
    check(&p, dx, expected);
    free(mask);
    free(expected);
    free(x);
  }
  heed_thread_count_set(0);
}

TEST(softmax_gradient_bits_depend_on_the_row_alone) {
  enum { ROWS = 70, COLUMNS = 147, COUNT = ROWS * COLUMNS };
  static float y[COUNT], dy[COUNT], expected[COUNT], dx[COUNT];
  static const size_t threads[] = {1, 2, 3, 5, 8};
  Random r = random_stream(14900);
  for (int logarithm = 0; logarithm < 2; logarithm++) {
    for (size_t i = 0; i < COUNT; i++)
      y[i] = (float)(logarithm ? -5 * random_uniform(&r) : random_uniform(&r) / 70), dy[i] = (float)random_normal(&r);
    Problem p = {.rows = 1, .columns = COLUMNS, .scale = 0.37f, .logarithm = logarithm};
    for (size_t i = 0; i < ROWS; i++) {
      p.y = y + i * COLUMNS, p.dy = dy + i * COLUMNS;
      run(&p, expected + i * COLUMNS);
    }
    p.rows = ROWS, p.y = y, p.dy = dy;
    for (size_t t = 0; t < 25; t++) {
      heed_thread_count_set(threads[t % 5]);
      p.layouts[0] = (int)(t % 5), p.layouts[1] = (int)(t / 5), p.layouts[2] = (int)((t + 2) % 5), p.place = (int)(t % 3);
      run(&p, dx);
      CHECK(differing_floats(dx, expected, COUNT, NULL) == 0);
    }
  }
  heed_thread_count_set(0);
}

// Property: a softmax ignores a shift, so its gradient's rows sum to nothing, and a gradient of equal numbers gives nothing.
TEST(softmax_gradient_rows_sum_to_nothing) {
  enum { COLUMNS = 90 };
  for (int c = 0; c < 1000 && test_failures() < 10; c++) {
    Random r = random_stream(15000 + (uint64_t)c);
    float x[COLUMNS], y[COLUMNS], dy[COLUMNS], dx[COLUMNS];
    const size_t columns = 1 + random_below(&r, COLUMNS);
    for (size_t j = 0; j < columns; j++) x[j] = (float)(3 * random_normal(&r)), dy[j] = (float)random_normal(&r);
    HeedSoftmaxShape forward = {.rows = 1, .columns = columns, .input_column = 1, .output_column = 1, .scale = 1};
    forward.logarithm = c % 2;
    heed_softmax_forward(&forward, &(HeedSoftmaxInputs){x, NULL}, y);
    Problem p = {.rows = 1, .columns = columns, .scale = 1, .logarithm = c % 2, .y = y, .dy = dy};
    run(&p, dx);
    double sum = 0, size = 0;
    for (size_t j = 0; j < columns; j++) sum += (double)dx[j], size += fabs((double)dy[j]);
    CHECK_MESSAGE(fabs(sum) <= 4 * EPSILON * size, "%zu columns: %g of %g", columns, sum, size);
  }
}

TEST(softmax_gradient_refuses_bad_arguments_and_touches_nothing) {
  float y[12], dx[12];
  poison_floats(dx, 12);
  for (int i = 0; i < 12; i++) y[i] = 0.25f;
  const Problem p = {.rows = 3, .columns = 4, .scale = 1};
  const HeedSoftmaxBackwardShape good = contiguous(&p);
  const HeedSoftmaxBackwardInputs in = {y, y, NULL};
  HeedSoftmaxBackwardShape bad = good;
  CHECK(heed_softmax_backward(NULL, &in, dx) == HeedStatusBadArgument);
  CHECK(heed_softmax_backward(&good, NULL, dx) == HeedStatusBadArgument);
  CHECK(heed_softmax_backward(&good, &in, NULL) == HeedStatusBadArgument);
  CHECK(heed_softmax_backward(&good, &(HeedSoftmaxBackwardInputs){NULL, y, NULL}, dx) == HeedStatusBadArgument);
  CHECK(heed_softmax_backward(&good, &(HeedSoftmaxBackwardInputs){y, NULL, NULL}, dx) == HeedStatusBadArgument);
  bad.scale = NAN;
  CHECK(heed_softmax_backward(&bad, &in, dx) == HeedStatusBadArgument);
  bad = good, bad.d_input_row = 3;
  CHECK(heed_softmax_backward(&bad, &in, dx) == HeedStatusBadStride);
  bad = good, bad.d_output_row = PTRDIFF_MIN;
  CHECK(heed_softmax_backward(&bad, &in, dx) == HeedStatusBadStride);
  bad = good, bad.rows = SIZE_MAX;
  CHECK(heed_softmax_backward(&bad, &in, dx) == HeedStatusBadShape);
  CHECK(is_poison(dx, 12));
}
