// Norms forward against the float64 reference: shapes, families of numbers, places in memory, bits.

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "norm_support.h"

// |y - r| <= 6e-7 (the row's largest |h| |w| + |b|), and what 2^-149 in a distance from the mean gives, where d <= 1 / sqrt(epsilon);
// `normal` holds h.
static void check_rows(const NormProblem *p, const float *y, const double *r, const double *normal, int family) {
  for (size_t i = 0; i < p->rows; i++) {
    double largest = 0;
    for (size_t j = 0; j < p->columns; j++) largest = fmax(largest, fabs(normal[i * p->columns + j]));
    for (size_t j = 0; j < p->columns; j++) {
      const size_t at = i * p->columns + j;
      const double w = p->weight ? fabs((double)p->weight[j]) : 1;
      const double limit = 6e-7 * (largest * w + (p->bias ? fabs((double)p->bias[j]) : 0)) + w * 0x1p-149 / sqrt(p->epsilon);
      const bool good = isnan(r[at]) ? isnan(y[at]) : fabs((double)y[at] - r[at]) <= limit + 0x1p-149;
      CHECK_MESSAGE(good, "kind %d, %zu x %zu, row %zu column %zu, family %d: %a instead of %a (%.2f of the bound)", p->kind, p->rows,
                    p->columns, i, j, family, (double)y[at], r[at], fabs((double)y[at] - r[at]) / limit);
      if (!good) return;
    }
  }
}

TEST(norm_agrees_with_the_oracle) {
  static const size_t columns[] = {1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 257, 768, 1000};
  const int cases = test_exhaustive ? 20000 : 1000;
  for (int c = 0; c < cases && test_failures() < 10; c++) {
    Random r = random_stream(7000 + (uint64_t)c);
    NormProblem p = {.kind = (HeedNormKind)random_below(&r, 2), .rows = random_below(&r, 9), .columns = columns[random_below(&r, 22)]};
    p.epsilon = random_below(&r, 4) ? 1e-5 : 1e-12;
    p.padded = random_below(&r, 2), p.reversed = random_below(&r, 4) == 0;
    const NormFamily family = (NormFamily)(c % NORM_FAMILY_COUNT);
    const size_t n = p.columns, count = p.rows * n;
    float *values = malloc((5 * count + 2 * n) * sizeof *values), *residual = values + count, *y = residual + count, *sum = y + count;
    float *weight = sum + 2 * count, *bias = weight + n, *statistics = malloc((p.rows * HEED_NORM_STATISTICS + 1) * sizeof *statistics);
    double *expected = malloc((2 * count + 1) * sizeof *expected), *normal = expected + count;
    for (size_t i = 0; i < p.rows; i++) norm_fill_row(family, &r, values + i * n, n);
    for (size_t i = 0; i < count; i++) residual[i] = (float)random_normal(&r);
    for (size_t j = 0; j < n; j++) weight[j] = (float)random_normal(&r), bias[j] = (float)random_normal(&r);
    p.input = values;
    if (random_below(&r, 2)) p.residual = residual;
    const HeedNormShape shape = {.kind = p.kind,
                                 .rows = p.rows,
                                 .columns = n,
                                 .input_row = (ptrdiff_t)n,
                                 .residual_row = (ptrdiff_t)n,
                                 .sum_row = (ptrdiff_t)n,
                                 .output_row = (ptrdiff_t)n,
                                 .epsilon = p.epsilon};
    CHECK(heed_norm_reference_forward(&shape, &(HeedNormInputs){values, p.residual, NULL, NULL}, normal) == HeedStatusOk);
    if (random_below(&r, 2)) p.weight = weight;
    if (random_below(&r, 2)) p.bias = bias;
    CHECK(heed_norm_reference_forward(&shape, &(HeedNormInputs){values, p.residual, p.weight, p.bias}, expected) == HeedStatusOk);
    norm_run(&p, y, sum, statistics);
    check_rows(&p, y, expected, normal, (int)family);
    for (size_t i = 0; i < count; i++) {
      const float s = p.residual ? values[i] + residual[i] : values[i];
      CHECK(s == sum[i] || (isnan(s) && isnan(sum[i])));
    }
    // Any subset of outputs is the same.
    float *other = sum + count;
    norm_run(&p, other, NULL, NULL);
    CHECK(differing_floats(other, y, count, NULL) == 0);
    norm_run(&p, NULL, other, NULL);
    CHECK(differing_floats(other, sum, count, NULL) == 0);
    free(expected);
    free(statistics);
    free(values);
  }
}

// What is stored for the backward pass, at a mean that float32 cannot hold.
TEST(norm_statistics_hold_the_mean_in_two_parts) {
  enum { COLUMNS = 300 };
  float x[COLUMNS], statistics[HEED_NORM_STATISTICS];
  Random r = random_stream(7500);
  norm_fill_row(NormFarOffset, &r, x, COLUMNS);
  double sum = 0, squares = 0;
  for (int j = 0; j < COLUMNS; j++) sum += (double)x[j];
  for (int j = 0; j < COLUMNS; j++) squares += ((double)x[j] - sum / COLUMNS) * ((double)x[j] - sum / COLUMNS);
  norm_run(&(NormProblem){.rows = 1, .columns = COLUMNS, .epsilon = 1e-5, .input = x}, NULL, NULL, statistics);
  CHECK(fabs((double)statistics[0] + (double)statistics[1] - sum / COLUMNS) < 1e-8);
  CHECK(fabs((double)statistics[2] * sqrt(squares / COLUMNS + 1e-5) - 1) < EPSILON);
}

TEST(norm_bits_depend_on_the_row_alone) {
  enum { ROWS = 77, COLUMNS = 203, COUNT = ROWS * COLUMNS };
  static float x[COUNT], residual[COUNT], weight[COLUMNS], bias[COLUMNS], expected[COUNT], y[COUNT];
  static const size_t threads[] = {1, 2, 3, 5, 8};
  Random r = random_stream(7600);
  for (size_t i = 0; i < ROWS; i++) norm_fill_row((NormFamily)(i % 7), &r, x + i * COLUMNS, COLUMNS);
  for (size_t i = 0; i < COUNT; i++) residual[i] = (float)random_normal(&r);
  for (size_t j = 0; j < COLUMNS; j++) weight[j] = (float)random_normal(&r), bias[j] = (float)random_normal(&r);
  for (int kind = 0; kind < 2; kind++) {
    NormProblem p = {.kind = (HeedNormKind)kind, .rows = ROWS, .columns = COLUMNS, .epsilon = 1e-5, .input = x, .residual = residual};
    p.weight = weight, p.bias = bias;
    for (size_t i = 0; i < ROWS; i++) {
      NormProblem alone = p;
      alone.rows = 1, alone.input += i * COLUMNS, alone.residual += i * COLUMNS;
      norm_run(&alone, expected + i * COLUMNS, NULL, NULL);
    }
    for (size_t t = 0; t < 5; t++) {
      heed_thread_count_set(threads[t]);
      p.padded = t % 2, p.reversed = t == 3;
      norm_run(&p, y, NULL, NULL);
      CHECK(differing_floats(y, expected, COUNT, NULL) == 0);
    }
    // In the place of the input, and of the residual.
    const HeedNormShape shape = {.kind = (HeedNormKind)kind,
                                 .rows = ROWS,
                                 .columns = COLUMNS,
                                 .input_row = COLUMNS,
                                 .residual_row = COLUMNS,
                                 .output_row = COLUMNS,
                                 .epsilon = 1e-5};
    memcpy(y, x, sizeof y);
    CHECK(heed_norm_forward(&shape, &(HeedNormInputs){y, residual, weight, bias}, &(HeedNormOutputs){y, NULL, NULL}) == HeedStatusOk);
    CHECK(differing_floats(y, expected, COUNT, NULL) == 0);
    memcpy(y, residual, sizeof y);
    CHECK(heed_norm_forward(&shape, &(HeedNormInputs){x, y, weight, bias}, &(HeedNormOutputs){y, NULL, NULL}) == HeedStatusOk);
    CHECK(differing_floats(y, expected, COUNT, NULL) == 0);
  }
  heed_thread_count_set(0);
}

// One row added to every row of another matrix.
TEST(norm_reads_a_residual_of_stride_0) {
  enum { ROWS = 5, COLUMNS = 19 };
  float x[ROWS * COLUMNS], one[COLUMNS], all[ROWS * COLUMNS], y[ROWS * COLUMNS], expected[ROWS * COLUMNS];
  Random r = random_stream(7700);
  for (int i = 0; i < ROWS * COLUMNS; i++) x[i] = (float)random_normal(&r);
  for (int j = 0; j < COLUMNS; j++) one[j] = (float)random_normal(&r);
  for (int i = 0; i < ROWS * COLUMNS; i++) all[i] = one[i % COLUMNS];
  HeedNormShape shape = {.rows = ROWS, .columns = COLUMNS, .input_row = COLUMNS, .output_row = COLUMNS, .epsilon = 1e-5};
  CHECK(heed_norm_forward(&shape, &(HeedNormInputs){.input = x, .residual = one}, &(HeedNormOutputs){.output = y}) == HeedStatusOk);
  shape.residual_row = COLUMNS;
  CHECK(heed_norm_forward(&shape, &(HeedNormInputs){.input = x, .residual = all}, &(HeedNormOutputs){.output = expected}) == HeedStatusOk);
  CHECK(differing_floats(y, expected, ROWS * COLUMNS, NULL) == 0);
}

TEST(norm_of_special_rows) {
  const HeedNormShape shape = {.rows = 1, .columns = 4, .epsilon = 0};
  float y[4];
  const float constant[4] = {5, 5, 5, 5}, infinite[4] = {1, INFINITY, 2, 3}, spread[4] = {FLT_MAX, -FLT_MAX, FLT_MAX, -FLT_MAX};
  CHECK(heed_norm_forward(&shape, &(HeedNormInputs){.input = constant}, &(HeedNormOutputs){.output = y}) == HeedStatusOk);
  for (int j = 0; j < 4; j++) CHECK(isnan(y[j]));
  CHECK(heed_norm_forward(&shape, &(HeedNormInputs){.input = infinite}, &(HeedNormOutputs){.output = y}) == HeedStatusOk);
  for (int j = 0; j < 4; j++) CHECK(isnan(y[j]));
  CHECK(heed_norm_forward(&shape, &(HeedNormInputs){.input = spread}, &(HeedNormOutputs){.output = y}) == HeedStatusOk);
  for (int j = 0; j < 4; j++) CHECK(y[j] == (j % 2 ? -1 : 1));
  HeedNormShape rms = shape;
  rms.kind = HeedNormRms;
  CHECK(heed_norm_forward(&rms, &(HeedNormInputs){.input = infinite}, &(HeedNormOutputs){.output = y}) == HeedStatusOk);
  CHECK(y[0] == 0 && isnan(y[1]) && y[2] == 0 && y[3] == 0);
}

TEST(norm_refuses_bad_arguments_and_touches_nothing) {
  float x[12], y[12], s[12];
  for (int i = 0; i < 12; i++) x[i] = (float)i;
  poison_floats(y, 12);
  poison_floats(s, 12);
  const HeedNormShape good = {.rows = 3, .columns = 4, .input_row = 4, .residual_row = 4, .sum_row = 4, .output_row = 4, .epsilon = 1e-5};
  const HeedNormInputs in = {.input = x};
  const HeedNormOutputs out = {.output = y, .sum = s};
  CHECK(heed_norm_forward(NULL, &in, &out) == HeedStatusBadArgument);
  CHECK(heed_norm_forward(&good, NULL, &out) == HeedStatusBadArgument);
  CHECK(heed_norm_forward(&good, &in, NULL) == HeedStatusBadArgument);
  CHECK(heed_norm_forward(&good, &(HeedNormInputs){.input = NULL}, &out) == HeedStatusBadArgument);
  CHECK(heed_norm_forward(&good, &in, &(HeedNormOutputs){NULL, NULL, NULL}) == HeedStatusBadArgument);
  HeedNormShape bad = good;
  bad.epsilon = -1;
  CHECK(heed_norm_forward(&bad, &in, &out) == HeedStatusBadArgument);
  bad.epsilon = NAN;
  CHECK(heed_norm_forward(&bad, &in, &out) == HeedStatusBadArgument);
  bad = good, bad.kind = (HeedNormKind)7;
  CHECK(heed_norm_forward(&bad, &in, &out) == HeedStatusBadArgument);
  bad = good, bad.output_row = 3;
  CHECK(heed_norm_forward(&bad, &in, &out) == HeedStatusBadStride);
  bad = good, bad.sum_row = -3;
  CHECK(heed_norm_forward(&bad, &in, &out) == HeedStatusBadStride);
  bad = good, bad.input_row = PTRDIFF_MIN;
  CHECK(heed_norm_forward(&bad, &in, &out) == HeedStatusBadStride);
  bad = good, bad.rows = SIZE_MAX;
  CHECK(heed_norm_forward(&bad, &in, &out) == HeedStatusBadShape);
  CHECK(is_poison(y, 12) && is_poison(s, 12));
  bad = good, bad.rows = 0;
  CHECK(heed_norm_forward(&bad, &(HeedNormInputs){.input = NULL}, &(HeedNormOutputs){NULL, NULL, NULL}) == HeedStatusOk);
}

#if defined(__x86_64__)

#include <xmmintrin.h>

// Squares of tiny numbers are denormal, over which Intel's processors take a hundred times as long: the exception flags of x86 tell.
TEST(norm_of_tiny_rows_meets_no_denormal) {
  enum { COLUMNS = 300 };
  static float x[COLUMNS], y[COLUMNS];
  static const float sizes[] = {1, 0x1p-15f, 0x1p-17f, 0x1p-49f, 0x1p-60f, 0x1p-70f, 0x1p-90f};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (int kind = 0; kind < 2; kind++) {
      Random random = random_stream(i);
      for (size_t j = 0; j < COLUMNS; j++) x[j] = sizes[i] * (float)(1 + random_uniform(&random));
      const HeedNormShape shape = {.kind = (HeedNormKind)kind, .rows = 1, .columns = COLUMNS, .epsilon = 1e-5};
      _mm_setcsr(_mm_getcsr() & ~0x3fu);
      CHECK(heed_norm_forward(&shape, &(HeedNormInputs){.input = x}, &(HeedNormOutputs){.output = y}) == HeedStatusOk);
      const unsigned flags = _mm_getcsr() & 0x12u; // a denormal operand, underflow
      CHECK_MESSAGE(flags == 0, "kind %d, size %g: flags %#x", kind, (double)sizes[i], flags);
    }
}

#endif
