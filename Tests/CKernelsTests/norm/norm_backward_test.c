// Norms backward against the float64 reference: shapes, families of numbers, every subset of gradients, places in memory, bits.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "norm_support.h"

typedef struct Gradients {
  double *input, *weight, *bias;
} Gradients;

static HeedNormShape contiguous(const NormProblem *p) {
  const ptrdiff_t n = (ptrdiff_t)p->columns;
  return (HeedNormShape){.kind = p->kind,
                         .rows = p->rows,
                         .columns = p->columns,
                         .input_row = n,
                         .sum_row = n,
                         .output_row = n,
                         .d_output_row = n,
                         .d_sum_row = n,
                         .d_input_row = n,
                         .epsilon = p->epsilon};
}

// dx within 8 eps of the largest magnitudes that its row subtracts; weight gradients within 6 eps of sum |dy||h|, bias gradients 4 eps of
// sum |dy|.
static void check_gradients(const NormProblem *p, const float *dx, const float *dw, const float *db, const Gradients *r, int family) {
  const size_t n = p->columns;
  double *normal = malloc((p->rows * n + 2 * n + 1) * sizeof *normal), *weights = normal + p->rows * n, *biases = weights + n;
  const HeedNormShape shape = contiguous(p);
  heed_norm_reference_forward(&shape, &(HeedNormInputs){.input = p->input}, normal);
  for (size_t j = 0; j < 2 * n; j++) weights[j] = 0;
  for (size_t i = 0; i < p->rows; i++) {
    const float *x = p->input + i * n, *dy = p->d_output + i * n;
    double mean = 0, squares = 0, largest_h = 0, largest_g = 0, sum = 0;
    for (size_t j = 0; j < n && p->kind == HeedNormLayer; j++) mean += (double)x[j] / (double)n;
    for (size_t j = 0; j < n; j++) {
      const double g = (double)dy[j] * (p->weight ? (double)p->weight[j] : 1), h = normal[i * n + j];
      squares += ((double)x[j] - mean) * ((double)x[j] - mean);
      largest_h = fmax(largest_h, fabs(h)), largest_g = fmax(largest_g, fabs(g));
      sum += fabs(g * h);
      weights[j] += fabs((double)dy[j] * h), biases[j] += fabs((double)dy[j]);
    }
    const double scale = (2 * largest_g + largest_h * sum / (double)n) / sqrt(squares / (double)n + p->epsilon);
    for (size_t j = 0; dx && j < n; j++) {
      const double expected = r->input[i * n + j], error = fabs((double)dx[i * n + j] - expected);
      const double limit = 8 * EPSILON * (scale + (p->d_sum ? fabs((double)p->d_sum[i * n + j]) : 0));
      CHECK_MESSAGE(isnan(expected) ? isnan(dx[i * n + j]) : error <= limit,
                    "kind %d, %zu x %zu, row %zu column %zu, family %d: %g instead of %g (%.2f of the bound)", p->kind, p->rows, n, i, j,
                    family, (double)dx[i * n + j], expected, error / limit);
    }
  }
  for (size_t j = 0; j < n; j++) {
    if (dw)
      CHECK_MESSAGE(isnan(r->weight[j]) ? isnan(dw[j])
                                        : fabs((double)dw[j] - r->weight[j]) <=
                                              6 * EPSILON * weights[j] + (biases[j] / sqrt(p->epsilon) + (double)p->rows) * 0x1p-149,
                    "kind %d, %zu x %zu, weight %zu, family %d: %g instead of %g", p->kind, p->rows, n, j, family, (double)dw[j],
                    r->weight[j]);
    if (db)
      CHECK_MESSAGE(fabs((double)db[j] - r->bias[j]) <= 4 * EPSILON * biases[j], "%zu x %zu, bias %zu: %g instead of %g", p->rows, n, j,
                    (double)db[j], r->bias[j]);
  }
  free(normal);
}

TEST(norm_gradients_agree_with_the_oracle) {
  static const size_t columns[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 64, 65, 100, 129, 257, 768};
  static const size_t rows[] = {0, 1, 2, 7, 8, 9, 31, 32, 33, 65, 100};
  static const NormFamily families[] = {NormNormal,  NormIntegers, NormOffset,   NormFarOffset, NormScaled,      NormStep,
                                        NormOutlier, NormConstant, NormDenormal, NormWithNaN,   NormWithInfinity};
  const int cases = test_exhaustive ? 10000 : 400;
  for (int c = 0; c < cases && test_failures() < 10; c++) {
    Random r = random_stream(8000 + (uint64_t)c);
    NormProblem p = {
        .kind = (HeedNormKind)random_below(&r, 2), .rows = rows[random_below(&r, 11)], .columns = columns[random_below(&r, 17)]};
    p.epsilon = 1e-5, p.padded = random_below(&r, 2), p.reversed = random_below(&r, 4) == 0;
    const int family = families[(size_t)c % (sizeof families / sizeof *families)];
    const size_t n = p.columns, count = p.rows * n;
    float *x = malloc((4 * count + 3 * n) * sizeof *x), *dy = x + count, *through = dy + count, *dx = through + count;
    float *weight = dx + count, *dw = weight + n, *db = dw + n;
    Gradients expected = {malloc((count + 1) * sizeof(double)), malloc(n * sizeof(double)), malloc(n * sizeof(double))};
    for (size_t i = 0; i < p.rows; i++) norm_fill_row((NormFamily)family, &r, x + i * n, n);
    for (size_t i = 0; i < count; i++) dy[i] = (float)random_normal(&r), through[i] = (float)random_normal(&r);
    for (size_t j = 0; j < n; j++) weight[j] = (float)random_normal(&r);
    poison_floats(dw, 2 * n); // overwritten
    p.input = x, p.d_output = dy;
    if (random_below(&r, 2)) p.weight = weight;
    if (random_below(&r, 2)) p.d_sum = through;
    const HeedNormShape shape = contiguous(&p);
    CHECK(heed_norm_reference_backward(&shape, &(HeedNormBackwardInputs){x, p.weight, NULL, dy, p.d_sum}, expected.input, expected.weight,
                                       expected.bias) == HeedStatusOk);
    const unsigned subset = 1 + (unsigned)random_below(&r, 7);
    norm_run_backward(&p, random_below(&r, 2), false, subset & 1 ? dx : NULL, subset & 2 ? dw : NULL, subset & 4 ? db : NULL);
    check_gradients(&p, subset & 1 ? dx : NULL, subset & 2 ? dw : NULL, subset & 4 ? db : NULL, &expected, family);
    free(expected.input);
    free(expected.weight);
    free(expected.bias);
    free(x);
  }
}

// More rows than a wave of chunks has, any number of threads, any subset: the same bits; a row's gradient alone or among many.
TEST(norm_gradient_bits_depend_on_the_rows_alone) {
  enum { ROWS = 2200, COLUMNS = 37, COUNT = ROWS * COLUMNS };
  static float x[COUNT], dy[COUNT], dx[COUNT], other[COUNT], weight[COLUMNS];
  float sums[4][COLUMNS];
  static const size_t threads[] = {1, 2, 3, 5, 8};
  Random r = random_stream(8800);
  for (size_t i = 0; i < COUNT; i++) x[i] = (float)(3 + random_normal(&r)), dy[i] = (float)random_normal(&r);
  for (size_t j = 0; j < COLUMNS; j++) weight[j] = (float)random_normal(&r);
  NormProblem p = {.rows = ROWS, .columns = COLUMNS, .epsilon = 1e-5, .input = x, .weight = weight, .d_output = dy};
  norm_run_backward(&p, false, false, dx, sums[0], sums[1]);
  for (size_t t = 0; t < 5; t++) {
    heed_thread_count_set(threads[t]);
    p.padded = t % 2;
    norm_run_backward(&p, t == 2, false, other, t == 1 ? NULL : sums[2], t == 4 ? NULL : sums[3]);
    CHECK(differing_floats(other, dx, COUNT, NULL) == 0);
    if (t != 1) CHECK(differing_floats(sums[2], sums[0], COLUMNS, NULL) == 0);
    if (t != 4) CHECK(differing_floats(sums[3], sums[1], COLUMNS, NULL) == 0);
  }
  heed_thread_count_set(0);
  for (size_t i = 0; i < ROWS; i += 97) {
    NormProblem alone = p;
    alone.rows = 1, alone.input += i * COLUMNS, alone.d_output += i * COLUMNS;
    norm_run_backward(&alone, false, false, other, NULL, NULL);
    CHECK(differing_floats(other, dx + i * COLUMNS, COLUMNS, NULL) == 0);
  }
  // Sums of 2200 rows, against float64.
  Gradients expected = {NULL, malloc(COLUMNS * sizeof(double)), malloc(COLUMNS * sizeof(double))};
  const HeedNormShape shape = contiguous(&p);
  heed_norm_reference_backward(&shape, &(HeedNormBackwardInputs){x, weight, NULL, dy, NULL}, NULL, expected.weight, expected.bias);
  check_gradients(&p, NULL, sums[0], sums[1], &expected, 0);
  free(expected.weight);
  free(expected.bias);
}

TEST(norm_weight_gradients_accumulate_where_asked) {
  enum { ROWS = 3, COLUMNS = 21 };
  float x[ROWS * COLUMNS], dy[ROWS * COLUMNS], fresh[2][COLUMNS], added[2][COLUMNS];
  Random r = random_stream(8900);
  for (int i = 0; i < ROWS * COLUMNS; i++) x[i] = (float)random_normal(&r), dy[i] = (float)random_normal(&r);
  for (int j = 0; j < COLUMNS; j++) added[0][j] = 100, added[1][j] = -7;
  NormProblem p = {.rows = ROWS, .columns = COLUMNS, .epsilon = 1e-5, .input = x, .d_output = dy};
  norm_run_backward(&p, false, false, NULL, fresh[0], fresh[1]);
  norm_run_backward(&p, false, true, NULL, added[0], added[1]);
  for (int j = 0; j < COLUMNS; j++) {
    CHECK(fabsf(added[0][j] - (100 + fresh[0][j])) <= 100 * 0x1p-23f);
    CHECK(fabsf(added[1][j] - (-7 + fresh[1][j])) <= 7 * 0x1p-23f);
  }
  p.rows = 0; // no rows: zeros, or nothing added
  norm_run_backward(&p, false, false, NULL, fresh[0], fresh[1]);
  const float before = added[0][3];
  norm_run_backward(&p, false, true, NULL, added[0], added[1]);
  CHECK(fresh[0][0] == 0 && fresh[1][COLUMNS - 1] == 0 && added[0][3] == before);
}

TEST(norm_backward_refuses_bad_arguments_and_touches_nothing) {
  float x[12], statistics[9] = {0}, dx[12], dw[4], db[4];
  for (int i = 0; i < 12; i++) x[i] = (float)i;
  poison_floats(dx, 12);
  poison_floats(dw, 4);
  poison_floats(db, 4);
  const HeedNormShape good = {.rows = 3, .columns = 4, .sum_row = 4, .d_output_row = 4, .d_sum_row = 4, .d_input_row = 4, .epsilon = 1e-5};
  const HeedNormBackwardInputs in = {x, NULL, statistics, x, NULL};
  const HeedNormGradients out = {dx, dw, db};
  CHECK(heed_norm_backward(NULL, &in, &out) == HeedStatusBadArgument);
  CHECK(heed_norm_backward(&good, NULL, &out) == HeedStatusBadArgument);
  CHECK(heed_norm_backward(&good, &in, NULL) == HeedStatusBadArgument);
  CHECK(heed_norm_backward(&good, &in, &(HeedNormGradients){NULL, NULL, NULL}) == HeedStatusBadArgument);
  CHECK(heed_norm_backward(&good, &(HeedNormBackwardInputs){NULL, NULL, statistics, x, NULL}, &out) == HeedStatusBadArgument);
  CHECK(heed_norm_backward(&good, &(HeedNormBackwardInputs){x, NULL, NULL, x, NULL}, &out) == HeedStatusBadArgument);
  CHECK(heed_norm_backward(&good, &(HeedNormBackwardInputs){x, NULL, statistics, NULL, NULL}, &out) == HeedStatusBadArgument);
  HeedNormShape bad = good;
  bad.d_input_row = 3;
  CHECK(heed_norm_backward(&bad, &in, &out) == HeedStatusBadStride);
  bad = good, bad.sum_row = PTRDIFF_MAX;
  CHECK(heed_norm_backward(&bad, &in, &out) == HeedStatusBadStride);
  bad = good, bad.columns = SIZE_MAX / 2;
  CHECK(heed_norm_backward(&bad, &in, &out) == HeedStatusBadShape);
  bad = good, bad.epsilon = INFINITY;
  CHECK(heed_norm_backward(&bad, &in, &out) == HeedStatusBadArgument);
  CHECK(is_poison(dx, 12) && is_poison(dw, 4) && is_poison(db, 4));
}
