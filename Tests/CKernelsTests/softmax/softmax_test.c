// Softmax against the float64 reference: shapes, layouts, masks, families of numbers.

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "softmax_support.h"

typedef enum Family { Normal, Wide, Equal, Shifted, Rising, Underflowing, WithInfinity, WithNaN, FAMILY_COUNT } Family;

static float sample(Family family, Random *r, size_t j, size_t columns) {
  const float x = (float)random_normal(r);
  switch (family) {
  case Wide:
    return 40 * x;
  case Equal:
    return 0.7f;
  case Shifted:
    return 1000 + x;
  case Rising:
    return 0.25f * (float)j;
  case Underflowing:
    return j == columns / 2 ? 100 : 5 * x;
  case WithInfinity:
    return random_below(r, 5) == 0 ? -INFINITY : (random_below(r, 400) == 0 ? INFINITY : x);
  case WithNaN:
    return random_below(r, 100) == 0 ? NAN : x;
  default:
    return x;
  }
}

// |y - r| <= (3 + 0.5 |z - m|) eps r, and 0 for what would be denormal; logarithms: the same, absolute, beside the rounding of y.
static void check_elements(const SoftmaxProblem *p, const float *result, const double *expected, int family) {
  const bool rounds_first = heed_isa_current() == HeedISAGeneric && p->scale != 1;
  for (size_t i = 0; i < p->rows; i++) {
    double maximum = -INFINITY;
    for (size_t j = 0; j < p->columns; j++)
      if (!p->mask || p->mask[i * p->columns + j]) maximum = fmax(maximum, (double)p->scale * (double)p->input[i * p->columns + j]);
    for (size_t j = 0; j < p->columns; j++) {
      const size_t index = i * p->columns + j;
      const double r = expected[index], y = result[index], z = (double)p->scale * (double)p->input[index];
      const double limit = (3 + 0.5 * fabs(z - maximum) + (rounds_first ? 0.5 * (fabs(z) + fabs(maximum)) : 0)) * EPSILON;
      bool good = isnan(r) ? isnan(y) : y == r;
      if (!good && isfinite(r))
        good = fabs(y - r) <= (p->logarithm ? limit + EPSILON * fabs(r) : limit * r) ||
               (!p->logarithm && y == 0 && r < 0x1p-126 * (1 + limit));
      good = good && (p->logarithm || fpclassify(result[index]) != FP_SUBNORMAL);
      CHECK_MESSAGE(
          good, "%zu x %zu, row %zu column %zu, family %d, layouts %d %d, scale %g, log %d, mask %d: %a instead of %a (%.2f of the bound)",
          p->rows, p->columns, i, j, family, p->input_layout, p->output_layout, (double)p->scale, p->logarithm, p->mask != NULL, y, r,
          fabs(y - r) / (limit * fabs(r)));
      if (!good) return;
    }
  }
}

TEST(softmax_agrees_with_the_oracle) {
  static const size_t sizes[] = {1, 2, 3, 15, 16, 17, 31, 33, 63, 64, 65, 100, 127, 128, 129, 257, 1000};
  static const float scales[] = {1, 1, 0.125f, 0.3f, -1.7f, 0};
  const int cases = test_exhaustive ? 10000 : 500;
  for (int c = 0; c < cases && test_failures() < 10; c++) {
    Random r = random_stream(3000 + (uint64_t)c);
    SoftmaxProblem p = {.rows = sizes[random_below(&r, 11)], .columns = sizes[random_below(&r, 17)]};
    p.input_layout = (SoftmaxLayout)random_below(&r, SOFTMAX_LAYOUT_COUNT);
    p.output_layout = (SoftmaxLayout)random_below(&r, SOFTMAX_LAYOUT_COUNT);
    p.in_place = random_below(&r, 4) == 0;
    if (p.in_place) p.output_layout = p.input_layout;
    p.logarithm = random_below(&r, 3) == 0;
    p.scale = scales[random_below(&r, 6)];
    const Family family = (Family)random_below(&r, FAMILY_COUNT);
    const size_t count = p.rows * p.columns;
    float *input = malloc(count * sizeof *input), *result = malloc(count * sizeof *result);
    double *expected = malloc(count * sizeof *expected);
    uint8_t *mask = malloc(count);
    const uint64_t hides = random_below(&r, 4);
    for (size_t i = 0; i < count; i++) {
      input[i] = sample(family, &r, i % p.columns, p.columns);
      mask[i] = hides == 3 ? 0 : (random_below(&r, 4) >= hides ? 255 : 0);
      if (hides && !mask[i] && random_below(&r, 3) == 0)
        input[i] = random_below(&r, 2) ? NAN : INFINITY; // what is hidden may hold anything
    }
    p.input = input;
    p.mask = hides ? mask : NULL;
    softmax_expect(&p, expected);
    softmax_run(&p, result);
    check_elements(&p, result, expected, (int)family);
    free(mask);
    free(expected);
    free(result);
    free(input);
  }
}

// A row of 10^6 sums to 1 within 2 eps, whatever its numbers.
TEST(softmax_of_a_million_sums_to_one) {
  const size_t columns = 1000000;
  float *input = malloc(columns * sizeof *input), *result = malloc(columns * sizeof *result);
  for (int family = 0; family < 5; family++) {
    Random r = random_stream(50 + (uint64_t)family);
    for (size_t j = 0; j < columns; j++)
      input[j] = family == Rising ? -1e-6f * (float)j : (family == Equal && j == 0 ? 1.0f : sample((Family)family, &r, j, columns));
    const HeedSoftmaxShape shape = {.rows = 1, .columns = columns, .input_column = 1, .output_column = 1, .scale = 1};
    REQUIRE(heed_softmax_forward(&shape, &(HeedSoftmaxInputs){input, NULL}, result) == HeedStatusOk);
    double sum = 0;
    for (size_t j = 0; j < columns; j++) sum += (double)result[j];
    CHECK_MESSAGE(fabs(sum - 1) <= 2 * EPSILON, "family %d: 1 %+.2f eps", family, (sum - 1) / EPSILON);
  }
  free(result);
  free(input);
}

TEST(softmax_bits_depend_on_the_row_alone) {
  enum { ROWS = 70, COLUMNS = 147 };
  static float input[ROWS * COLUMNS], expected[ROWS * COLUMNS], result[ROWS * COLUMNS];
  static const size_t threads[] = {1, 2, 3, 5, 8};
  Random r = random_stream(60);
  for (size_t i = 0; i < ROWS * COLUMNS; i++) input[i] = 3 * (float)random_normal(&r);
  SoftmaxProblem p = {.rows = ROWS, .columns = COLUMNS, .scale = 0.37f, .input = input};
  softmax_run(&p, expected);
  for (int layout = 0; layout < SOFTMAX_LAYOUT_COUNT; layout++)
    for (size_t t = 0; t < 5; t++) {
      heed_thread_count_set(threads[t]);
      p.input_layout = (SoftmaxLayout)layout;
      p.output_layout = (SoftmaxLayout)((layout + (int)t) % SOFTMAX_LAYOUT_COUNT);
      softmax_run(&p, result);
      CHECK_MESSAGE(differing_floats(result, expected, ROWS * COLUMNS, NULL) == 0, "layout %d, %zu threads", layout, threads[t]);
    }
  heed_thread_count_set(0);
  // A row alone, and one that goes on with hidden columns, as padding on the right has them.
  static uint8_t mask[COLUMNS + 90];
  static float longer[COLUMNS + 90], padded[COLUMNS + 90];
  for (size_t i = 0; i < ROWS; i += 23) {
    for (size_t j = 0; j < COLUMNS + 90; j++) mask[j] = j < COLUMNS, longer[j] = j < COLUMNS ? input[i * COLUMNS + j] : NAN;
    SoftmaxProblem alone = {.rows = 1, .columns = COLUMNS, .scale = 0.37f, .input = input + i * COLUMNS};
    softmax_run(&alone, result);
    CHECK(differing_floats(result, expected + i * COLUMNS, COLUMNS, NULL) == 0);
    SoftmaxProblem more = {.rows = 1, .columns = COLUMNS + 90, .scale = 0.37f, .input = longer, .mask = mask};
    softmax_run(&more, padded);
    CHECK(differing_floats(padded, expected + i * COLUMNS, COLUMNS, NULL) == 0);
    for (size_t j = COLUMNS; j < COLUMNS + 90; j++) CHECK(padded[j] == 0 && !signbit(padded[j]));
  }
}

TEST(softmax_ignores_a_shift_and_overflow_is_not_silent) {
  float input[3] = {FLT_MAX, FLT_MAX, -FLT_MAX}, result[3];
  SoftmaxProblem p = {.rows = 1, .columns = 3, .scale = 1, .input = input};
  softmax_run(&p, result);
  CHECK(result[0] == 0.5f && result[1] == 0.5f && result[2] == 0);
  p.scale = 2; // z is infinite
  softmax_run(&p, result);
  CHECK(isnan(result[0]) && isnan(result[1]) && isnan(result[2]));
}

TEST(softmax_refuses_bad_arguments_and_touches_nothing) {
  float x[12], y[12];
  poison_floats(y, 12);
  for (int i = 0; i < 12; i++) x[i] = 1;
  const HeedSoftmaxShape good = {
      .rows = 3, .columns = 4, .input_row = 4, .input_column = 1, .output_row = 4, .output_column = 1, .scale = 1};
  const HeedSoftmaxInputs in = {x, NULL};
  HeedSoftmaxShape bad = good;
  CHECK(heed_softmax_forward(NULL, &in, y) == HeedStatusBadArgument);
  CHECK(heed_softmax_forward(&good, NULL, y) == HeedStatusBadArgument);
  CHECK(heed_softmax_forward(&good, &(HeedSoftmaxInputs){NULL, NULL}, y) == HeedStatusBadArgument);
  CHECK(heed_softmax_forward(&good, &in, NULL) == HeedStatusBadArgument);
  bad.scale = NAN;
  CHECK(heed_softmax_forward(&bad, &in, y) == HeedStatusBadArgument);
  bad = good, bad.output_row = 3;
  CHECK(heed_softmax_forward(&bad, &in, y) == HeedStatusBadStride);
  bad = good, bad.input_row = PTRDIFF_MIN;
  CHECK(heed_softmax_forward(&bad, &in, y) == HeedStatusBadStride);
  bad = good, bad.rows = SIZE_MAX;
  CHECK(heed_softmax_forward(&bad, &in, y) == HeedStatusBadShape);
  CHECK(is_poison(y, 12));
  bad = good, bad.columns = 0;
  CHECK(heed_softmax_forward(&bad, &(HeedSoftmaxInputs){NULL, NULL}, NULL) == HeedStatusOk);
}
