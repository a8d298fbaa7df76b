// The comparers catch wrong outputs: 20 are planted for them, each as a real mistake would make it.

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define ROWS    37
#define COLUMNS 24
#define COUNT   (ROWS * COLUMNS)
#define BOUND   (8 * EPSILON)

typedef struct Sample {
  float x[COUNT];
  double r[COUNT];
} Sample;

// A right answer: the reference, rounded.
static void make(Sample *sample) {
  Random random = random_stream(1);
  for (size_t i = 0; i < COUNT; i++) {
    sample->r[i] = random_normal(&random);
    sample->x[i] = (float)sample->r[i];
  }
}

// Right within 8 eps, as a test of a kernel would ask.
static bool accepts(const Sample *sample) {
  const Errors errors = compare_rows(sample->x, sample->r, ROWS, COLUMNS);
  return errors.normwise <= BOUND && errors.rowwise <= BOUND;
}

typedef void (*Plant)(Sample *sample);

static void nan_for_a_number(Sample *s) { s->x[100] = NAN; }
static void number_for_a_nan(Sample *s) { s->r[100] = NAN; }
static void infinity_for_a_number(Sample *s) { s->x[COUNT - 1] = INFINITY; }
static void number_for_an_infinity(Sample *s) { s->r[0] = INFINITY; }
static void infinity_of_the_other_sign(Sample *s) {
  s->r[5] = INFINITY;
  s->x[5] = -INFINITY;
}
static void nan_for_an_infinity(Sample *s) {
  s->r[5] = INFINITY;
  s->x[5] = NAN;
}
static void largest_float_for_an_infinity(Sample *s) {
  s->r[5] = INFINITY;
  s->x[5] = FLT_MAX;
}
static void one_bad_row(Sample *s) {
  for (size_t j = 0; j < COLUMNS; j++) s->x[7 * COLUMNS + j] *= 1.0001f;
}
static void one_bad_row_of_tiny_numbers(Sample *s) {
  for (size_t j = 0; j < COLUMNS; j++) {
    s->r[9 * COLUMNS + j] *= 1e-12;
    s->x[9 * COLUMNS + j] = (float)(s->r[9 * COLUMNS + j] * 1.001);
  }
}
static void one_bad_element(Sample *s) { s->x[3 * COLUMNS + 3] += 1e-4f; }
static void flipped_sign(Sample *s) { s->x[COLUMNS] = -s->x[COLUMNS]; }
static void all_signs_flipped(Sample *s) {
  for (size_t i = 0; i < COUNT; i++) s->x[i] = -s->x[i];
}
static void zeros(Sample *s) { memset(s->x, 0, sizeof s->x); }
static void stale_tail(Sample *s) {
  for (size_t i = 0; i < ROWS; i++) s->x[i * COLUMNS + COLUMNS - 1] = s->x[COLUMNS - 1];
}
static void poison_left_in_the_last_row(Sample *s) { poison_floats(s->x + COUNT - COLUMNS, COLUMNS); }
static void rows_swapped(Sample *s) {
  float row[COLUMNS];
  memcpy(row, s->x, sizeof row);
  memcpy(s->x, s->x + COLUMNS, sizeof row);
  memcpy(s->x + COLUMNS, row, sizeof row);
}
static void shifted_by_one(Sample *s) { memmove(s->x + 1, s->x, (COUNT - 1) * sizeof(float)); }
static void wrong_scale(Sample *s) {
  for (size_t i = 0; i < COUNT; i++) s->x[i] *= 1.0f + 20 * (float)EPSILON;
}
static void number_where_the_row_is_zero(Sample *s) {
  for (size_t j = 0; j < COLUMNS; j++) s->r[11 * COLUMNS + j] = s->x[11 * COLUMNS + j] = 0;
  s->x[11 * COLUMNS + 2] = 1e-20f;
}
static void half_precision(Sample *s) {
  for (size_t i = 0; i < COUNT; i++) {
    uint32_t bits;
    memcpy(&bits, s->x + i, sizeof bits);
    bits &= 0xffff0000u;
    memcpy(s->x + i, &bits, sizeof bits);
  }
}

TEST_ONCE(comparer_fails_on_planted_mistakes) {
  static const struct {
    const char *name;
    Plant plant;
  } mistakes[] = {
      {"NaN for a number", nan_for_a_number},
      {"a number for NaN", number_for_a_nan},
      {"infinity for a number", infinity_for_a_number},
      {"a number for infinity", number_for_an_infinity},
      {"infinity of the other sign", infinity_of_the_other_sign},
      {"NaN for infinity", nan_for_an_infinity},
      {"the largest float for infinity", largest_float_for_an_infinity},
      {"one bad row", one_bad_row},
      {"one bad row of tiny numbers", one_bad_row_of_tiny_numbers},
      {"one bad element", one_bad_element},
      {"a flipped sign", flipped_sign},
      {"all signs flipped", all_signs_flipped},
      {"zeros", zeros},
      {"a stale tail", stale_tail},
      {"poison in the last row", poison_left_in_the_last_row},
      {"rows swapped", rows_swapped},
      {"shifted by one", shifted_by_one},
      {"a wrong scale", wrong_scale},
      {"a number where the row is zero", number_where_the_row_is_zero},
      {"half precision", half_precision},
  };
  static Sample sample;
  make(&sample);
  CHECK(accepts(&sample));
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    make(&sample);
    mistakes[i].plant(&sample);
    CHECK_MESSAGE(!accepts(&sample), "the comparer accepts %s", mistakes[i].name);
  }
}

TEST_ONCE(comparer_accepts_what_is_right) {
  static Sample sample;
  make(&sample);
  sample.r[1] = sample.x[1] = NAN;
  sample.r[2] = sample.x[2] = -INFINITY;
  sample.r[3] = 1e-40;
  sample.x[3] = (float)1e-40 + 0x1p-149f; // one denormal step
  for (size_t j = 0; j < COLUMNS; j++) sample.r[5 * COLUMNS + j] = sample.x[5 * COLUMNS + j] = 0;
  CHECK(accepts(&sample));
}

TEST_ONCE(comparer_measures_known_errors) {
  const double r[4] = {3, 4, 1, 0};
  const float x[4] = {3, 4.5f, 1, 0};
  const Errors errors = compare_rows(x, r, 2, 2);
  CHECK(fabs(errors.normwise - 0.5 / sqrt(26)) < 1e-12);
  CHECK(fabs(errors.rowwise - 0.1) < 1e-12);
  CHECK(errors.worst_row == 0 && errors.worst_column == 1);
  CHECK(fabs(errors.maximum - 0.125) < 1e-12);
  CHECK(errors.ulps == 0.5 / 0x1p-21);

  const double next[1] = {1};
  const float above[1] = {1 + 0x1p-23f};
  CHECK(compare_rows(above, next, 1, 1).ulps == 1);
  const double magnitude[1] = {4};
  CHECK(compare_to_magnitude(above, next, magnitude, 1) == 0.25);
  const float nan[1] = {NAN};
  CHECK(isinf(compare_to_magnitude(nan, next, magnitude, 1)));
}

TEST_ONCE(comparer_sees_every_bit) {
  const float a[4] = {0, 1, NAN, 2};
  float b[4];
  memcpy(b, a, sizeof b);
  CHECK(differing_floats(a, b, 4, NULL) == 0); // NaN is equal to itself here
  b[0] = -0.0f;
  b[3] = nextafterf(2, 3);
  size_t first = 9;
  CHECK(differing_floats(a, b, 4, &first) == 2);
  CHECK(first == 0);
}

TEST_ONCE(failed_checks_are_counted) {
  test_expect_failures_begin();
  CHECK(1 + 1 == 3);
  CHECK_MESSAGE(false, "expected");
  CHECK(true);
  CHECK(test_expect_failures_end() == 2);
}

TEST_ONCE(random_numbers_are_their_seed) {
  Random a = random_stream(7), b = random_stream(7), c = random_stream(8);
  size_t equal = 0;
  double sum = 0, squares = 0;
  for (int i = 0; i < 20000; i++) {
    CHECK(random_bits(&a) == random_bits(&b));
    equal += random_bits(&a) == random_bits(&c);
    random_bits(&b);
    const double x = random_normal(&c);
    sum += x;
    squares += x * x;
    CHECK(random_below(&c, 7) < 7);
  }
  CHECK(equal == 0);
  CHECK(fabs(sum / 20000) < 0.05 && fabs(squares / 20000 - 1) < 0.05);
}

TEST_ONCE(guarded_blocks_touch_their_guards) {
  Guarded end = guarded_allocate(3 * sizeof(float), GuardEnd), begin = guarded_allocate(3 * sizeof(float), GuardBegin);
  CHECK(((uintptr_t)end.data + 3 * sizeof(float)) % 4096 == 0);
  CHECK((uintptr_t)begin.data % 4096 == 0);
  float *data = end.data;
  poison_floats(data, 3);
  CHECK(is_poison(data, 3));
  data[1] = NAN;
  CHECK(!is_poison(data, 3));
  guarded_free(&end);
  guarded_free(&begin);
}
