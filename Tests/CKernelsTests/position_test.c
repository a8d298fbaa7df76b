// Positions against float64, angle by angle: tables, sums, rotations, and that a row alone has the bits it has among others.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "heed/position.h"

// Half an ulp, and what float64 gives of an angle p f.
static bool is_close(float x, double exact, double position) {
  int exponent;
  frexp(exact, &exponent);
  return fabs((double)x - exact) <= 0.5 * ldexp(1, exponent - 24) + 0x1p-46 + position * 0x1p-51;
}

TEST(position_tables_are_rounded_sines_and_cosines) {
  static const int64_t firsts[] = {0, 1, 63, 64, 65, 1000, 99990, 1000000 - 130};
  static const size_t widths[] = {1, 2, 3, 8, 32, 65, 128};
  for (size_t f = 0; f < 8; f++)
    for (size_t w = 0; w < 7; w++) {
      const size_t length = 130, columns = widths[w], rotary = columns / 2 * 2;
      const HeedPositionSinusoidalShape s = {.length = length, .columns = columns, .first_position = firsts[f], .base = 10000};
      const HeedPositionRotaryShape t = {
          .length = length, .columns = columns, .rotary = rotary, .first_position = firsts[f], .base = 10000};
      Guarded table = guarded_allocate(length * columns * 4, GuardEnd), turns = guarded_allocate(length * rotary * 4, GuardEnd);
      CHECK(heed_position_sinusoidal_table(&s, table.data) == HeedStatusOk);
      CHECK(heed_position_rotary_table(&t, turns.data) == HeedStatusOk);
      for (size_t i = 0; i < length && test_failures() < 10; i++) {
        const double p = (double)firsts[f] + (double)i;
        for (size_t j = 0; j < columns; j++) {
          const double a = p * pow(10000, -2.0 * (double)(j / 2) / (double)columns);
          const float x = ((float *)table.data)[i * columns + j];
          CHECK_MESSAGE(is_close(x, j % 2 ? cos(a) : sin(a), p), "position %g, column %zu of %zu: %a instead of %a", p, j, columns,
                        (double)x, j % 2 ? cos(a) : sin(a));
        }
        for (size_t j = 0; j < rotary / 2; j++) {
          const double a = p * pow(10000, -2.0 * (double)j / (double)rotary);
          const float *row = (float *)turns.data + i * rotary;
          CHECK(is_close(row[j], cos(a), p) && is_close(row[rotary / 2 + j], sin(a), p));
        }
      }
      guarded_free(&table);
      guarded_free(&turns);
    }
}

typedef struct Array {
  Guarded block;
  float *first;
  size_t count;
} Array;

static Array array(size_t count, GuardSide side, bool reversed) {
  Array x = {guarded_allocate(count * 4, side), NULL, count};
  x.first = (float *)x.block.data + (reversed && count ? count - 1 : 0);
  poison_floats(x.block.data, count);
  return x;
}

TEST(position_sinusoidal_is_added) {
  for (int c = 0; c < 200 && test_failures() < 10; c++) {
    Random r = random_stream(12000 + (uint64_t)c);
    HeedPositionSinusoidalShape s = {
        .batch = random_below(&r, 4), .length = random_below(&r, 90), .columns = 1 + random_below(&r, 70), .base = 10000};
    s.first_position = (int64_t)random_below(&r, 300);
    s.input_row = s.output_row = (ptrdiff_t)s.columns + (ptrdiff_t)random_below(&r, 3);
    s.input_batch = s.output_batch = (ptrdiff_t)s.length * s.input_row + 1;
    const size_t count = s.batch && s.length ? (s.batch - 1) * (size_t)s.input_batch + (s.length - 1) * (size_t)s.input_row + s.columns : 0;
    const size_t all = s.batch * s.length * s.columns, table_rows = (size_t)s.first_position + s.length;
    Array x = array(count, GuardEnd, false), y = array(count, GuardEnd, false);
    float *table = malloc((table_rows * s.columns + 1) * 4), *other = malloc((count + 1) * 4);
    double *expected = malloc((all + 1) * sizeof *expected);
    for (size_t i = 0; i < count; i++) x.first[i] = (float)random_normal(&r);
    CHECK(heed_position_reference_sinusoidal_forward(&s, x.first, expected) == HeedStatusOk);
    heed_thread_count_set(1 + (size_t)c % 5);
    CHECK(heed_position_sinusoidal_forward(&s, x.first, NULL, 0, y.first) == HeedStatusOk);
    HeedPositionSinusoidalShape whole = s;
    whole.first_position = 0, whole.length = table_rows;
    CHECK(heed_position_sinusoidal_table(&whole, table) == HeedStatusOk);
    memcpy(other, x.first, count * 4);
    CHECK(heed_position_sinusoidal_forward(&s, other, table, table_rows, other) == HeedStatusOk); // in place, from a table
    for (size_t b = 0; b < s.batch; b++)
      for (size_t t = 0; t < s.length; t++) {
        const size_t at = b * (size_t)s.output_batch + t * (size_t)s.output_row;
        CHECK(differing_floats(y.first + at, other + at, s.columns, NULL) == 0);
        for (size_t j = 0; j < s.columns; j++)
          CHECK(fabs((double)y.first[at + j] - expected[(b * s.length + t) * s.columns + j]) <=
                EPSILON * (fabs((double)x.first[at + j]) + 1));
        poison_floats(y.first + at, s.columns);
      }
    CHECK(is_poison(y.first, count));
    free(table);
    free(other);
    free(expected);
    guarded_free(&x.block);
    guarded_free(&y.block);
  }
  heed_thread_count_set(0);
}

TEST(position_rotary_turns_and_turns_back) {
  static const size_t widths[] = {1, 2, 4, 6, 16, 30, 32, 34, 64, 66, 128, 130};
  for (int c = 0; c < 500 && test_failures() < 10; c++) {
    Random r = random_stream(13000 + (uint64_t)c);
    HeedPositionRotaryShape s = {
        .batch = 1 + random_below(&r, 3), .heads = 1 + random_below(&r, 3), .length = 1 + random_below(&r, 70), .base = 10000};
    s.columns = widths[random_below(&r, 12)];
    s.rotary = random_below(&r, 2) ? s.columns / 2 * 2 : s.columns / 4 * 2;
    s.layout = (HeedPositionRotaryLayout)random_below(&r, 2);
    s.first_position = random_below(&r, 2) ? 0 : (int64_t)random_below(&r, 5000);
    s.inverse = random_below(&r, 2);
    // [batch, length, heads, columns] or [batch, heads, length, columns], with gaps.
    const ptrdiff_t row = (ptrdiff_t)s.columns + (ptrdiff_t)random_below(&r, 2);
    s.input_row = random_below(&r, 2) ? row : row * (ptrdiff_t)s.heads;
    s.input_head = s.input_row == row && s.heads > 1 ? row * (ptrdiff_t)s.length : row;
    s.input_batch = row * (ptrdiff_t)(s.heads * s.length);
    s.output_row = s.input_row, s.output_head = s.input_head, s.output_batch = s.input_batch;
    if (s.input_row == s.input_head && s.length > 1) s.input_head = s.output_head = row * (ptrdiff_t)s.length;
    const size_t count = s.batch * s.heads * s.length * (size_t)row, all = s.batch * s.heads * s.length * s.columns;
    const size_t table_rows = (size_t)s.first_position + s.length;
    Array x = array(count, GuardEnd, false), y = array(count, GuardEnd, false);
    float *table = malloc((table_rows * s.rotary + 1) * 4), *other = malloc(count * 4);
    double *expected = malloc(all * sizeof *expected);
    for (size_t i = 0; i < count; i++) x.first[i] = (float)random_normal(&r);
    CHECK(heed_position_reference_rotary(&s, x.first, expected) == HeedStatusOk);
    heed_thread_count_set(1 + (size_t)c % 3);
    CHECK(heed_position_rotary(&s, x.first, NULL, 0, y.first) == HeedStatusOk);
    HeedPositionRotaryShape whole = s;
    whole.first_position = 0, whole.length = table_rows;
    CHECK(heed_position_rotary_table(&whole, table) == HeedStatusOk);
    memcpy(other, x.first, count * 4);
    CHECK(heed_position_rotary(&s, other, table, table_rows, other) == HeedStatusOk);
    for (size_t b = 0; b < s.batch; b++)
      for (size_t h = 0; h < s.heads; h++)
        for (size_t t = 0; t < s.length; t++) {
          const size_t at = b * (size_t)s.output_batch + h * (size_t)s.output_head + t * (size_t)s.output_row;
          const double *e = expected + ((b * s.heads + h) * s.length + t) * s.columns;
          CHECK(differing_floats(y.first + at, other + at, s.columns, NULL) == 0);
          for (size_t j = 0; j < s.columns; j++) {
            const size_t pairs = s.rotary / 2, mate = j >= s.rotary                               ? j
                                                      : s.layout == HeedPositionRotaryInterleaved ? j ^ 1
                                                                                                  : (j + pairs) % s.rotary;
            const double size = fabs((double)x.first[at + j]) + fabs((double)x.first[at + mate]);
            CHECK_MESSAGE(fabs((double)y.first[at + j] - e[j]) <= 1.5 * EPSILON * size,
                          "columns %zu, rotary %zu, layout %d: column %zu, %g not %g", s.columns, s.rotary, s.layout, j,
                          (double)y.first[at + j], e[j]);
          }
        }
    // A row alone.
    HeedPositionRotaryShape alone = s;
    const size_t t = random_below(&r, s.length), at = t * (size_t)s.output_row;
    alone.batch = alone.heads = alone.length = 1, alone.first_position += (int64_t)t;
    memcpy(other + at, x.first + at, s.columns * 4);
    CHECK(heed_position_rotary(&alone, other + at, NULL, 0, other + at) == HeedStatusOk);
    CHECK(differing_floats(other + at, y.first + at, s.columns, NULL) == 0);
    // Back again: the gradient.
    s.inverse = !s.inverse;
    CHECK(heed_position_rotary(&s, y.first, NULL, 0, y.first) == HeedStatusOk);
    for (size_t i = 0; i < s.columns; i++) CHECK(fabs((double)y.first[i] - (double)x.first[i]) < 1e-5);
    free(table);
    free(other);
    free(expected);
    guarded_free(&x.block);
    guarded_free(&y.block);
  }
  heed_thread_count_set(0);
}

// NaN stays in its pair; what does not turn is copied bit for bit.
TEST(position_rotary_keeps_nan_in_its_pair) {
  for (int layout = 0; layout < 2; layout++) {
    float x[10] = {1, NAN, 3, 4, 5, 6, 7, 8, NAN, -0.0f}, y[10];
    const HeedPositionRotaryShape s = {.batch = 1,
                                       .heads = 1,
                                       .length = 1,
                                       .columns = 10,
                                       .rotary = 8,
                                       .first_position = 5,
                                       .base = 10000,
                                       .layout = (HeedPositionRotaryLayout)layout};
    CHECK(heed_position_rotary(&s, x, NULL, 0, y) == HeedStatusOk);
    const int mate = layout == HeedPositionRotaryHalves ? 5 : 0;
    for (int j = 0; j < 8; j++) CHECK(isnan(y[j]) == (j == 1 || j == mate));
    CHECK(differing_floats(y + 8, x + 8, 2, NULL) == 0);
  }
}

TEST_ONCE(position_refuses_bad_arguments_and_touches_nothing) {
  float x[24] = {0}, y[24];
  poison_floats(y, 24);
  const HeedPositionSinusoidalShape s = {
      .batch = 2, .length = 3, .columns = 4, .input_batch = 12, .input_row = 4, .output_batch = 12, .output_row = 4, .base = 10000};
  HeedPositionSinusoidalShape bad = s;
  CHECK(heed_position_sinusoidal_forward(NULL, x, NULL, 0, y) == HeedStatusBadArgument);
  CHECK(heed_position_sinusoidal_forward(&s, NULL, NULL, 0, y) == HeedStatusBadArgument);
  CHECK(heed_position_sinusoidal_forward(&s, x, NULL, 0, NULL) == HeedStatusBadArgument);
  CHECK(heed_position_sinusoidal_forward(&s, x, x, 2, y) == HeedStatusBadArgument); // beyond the table
  bad.base = 0;
  CHECK(heed_position_sinusoidal_forward(&bad, x, NULL, 0, y) == HeedStatusBadArgument);
  bad = s, bad.first_position = -1;
  CHECK(heed_position_sinusoidal_forward(&bad, x, NULL, 0, y) == HeedStatusBadArgument);
  bad.first_position = HEED_POSITION_MAX;
  CHECK(heed_position_sinusoidal_forward(&bad, x, NULL, 0, y) == HeedStatusBadArgument);
  bad = s, bad.output_batch = 4;
  CHECK(heed_position_sinusoidal_forward(&bad, x, NULL, 0, y) == HeedStatusBadStride);
  bad = s, bad.length = SIZE_MAX;
  CHECK(heed_position_sinusoidal_forward(&bad, x, NULL, 0, y) == HeedStatusBadShape);
  const HeedPositionRotaryShape good = {.batch = 1,
                                        .heads = 2,
                                        .length = 3,
                                        .columns = 4,
                                        .rotary = 4,
                                        .input_head = 12,
                                        .input_row = 4,
                                        .output_head = 12,
                                        .output_row = 4,
                                        .base = 10000};
  HeedPositionRotaryShape wrong = good;
  wrong.rotary = 3;
  CHECK(heed_position_rotary(&wrong, x, NULL, 0, y) == HeedStatusBadShape);
  wrong.rotary = 6;
  CHECK(heed_position_rotary(&wrong, x, NULL, 0, y) == HeedStatusBadShape);
  wrong = good, wrong.output_row = 3;
  CHECK(heed_position_rotary(&wrong, x, NULL, 0, y) == HeedStatusBadStride);
  wrong = good, wrong.output_head = 10; // the last row of one head runs into the next
  CHECK(heed_position_rotary(&wrong, x, NULL, 0, y) == HeedStatusBadStride);
  wrong = good, wrong.layout = (HeedPositionRotaryLayout)2;
  CHECK(heed_position_rotary(&wrong, x, NULL, 0, y) == HeedStatusBadArgument);
  wrong = good, wrong.base = INFINITY;
  CHECK(heed_position_rotary(&wrong, x, NULL, 0, y) == HeedStatusBadArgument);
  CHECK(heed_position_rotary(&good, x, x, 2, y) == HeedStatusBadArgument);
  CHECK(heed_position_rotary(&good, NULL, NULL, 0, y) == HeedStatusBadArgument);
  CHECK(is_poison(y, 24));
}
