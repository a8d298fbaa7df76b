// Reductions, gather and scatter against float64 or plain loops.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arithmetic_support.h"

static void shape_for(HeedArithmeticReduce *s, Random *r, size_t limit, size_t *kept_size) {
  s->axes = random_sizes(r, s->size, limit);
  for (size_t i = 0; i < s->axes; i++) {
    s->reduced[i] = random_below(r, 2) == 0;
    kept_size[i] = s->reduced[i] ? 1 : s->size[i];
  }
}

static void dense(size_t axes, const size_t *size, ptrdiff_t *stride) {
  ptrdiff_t step = 1;
  for (size_t i = axes; i-- > 0; step *= (ptrdiff_t)(size[i] ? size[i] : 1)) stride[i] = step;
}

TEST(arithmetic_reduce_agrees_with_the_oracle) {
  const int cases = test_exhaustive ? 20000 : 1500;
  for (int c = 0; c < cases && test_failures() < 10; c++) {
    Random r = random_stream(11000 + (uint64_t)c);
    HeedArithmeticReduce s = {0};
    size_t kept_size[HEED_ARITHMETIC_AXES];
    shape_for(&s, &r, 60000, kept_size);
    const HeedArithmeticReduction reduction = (HeedArithmeticReduction)(c % HEED_ARITHMETIC_REDUCTION_COUNT);
    const size_t count = array_count(s.axes, s.size), kept = array_count(s.axes, kept_size);
    Array input = array_make(&r, s.axes, s.size, true, 4), output = array_make(&r, s.axes, kept_size, false, 4);
    float *x = (float *)(void *)input.first, *y = (float *)(void *)output.first;
    memcpy(s.input, input.stride, sizeof s.input);
    const bool has_nan = random_below(&r, 4) == 0;
    for (size_t i = 0; i < count; i++)
      x[array_offset(s.axes, s.size, s.input, i)] =
          has_nan && random_below(&r, 500) == 0 ? NAN : (float)random_normal(&r) - (c % 3 == 0 ? 3.0f : 0.0f);
    double *expected = malloc((kept + 1) * sizeof *expected), *magnitude = malloc((kept + 1) * sizeof *magnitude);
    float *absolute = malloc((count + 1) * sizeof *absolute);
    HeedArithmeticReduce plain = s;
    dense(s.axes, kept_size, plain.output);
    heed_arithmetic_reference_reduce(&plain, reduction, x, expected);
    HeedArithmeticReduce sizes = plain; // of the magnitudes, which are contiguous
    dense(s.axes, s.size, sizes.input);
    for (size_t i = 0; i < count; i++) absolute[i] = fabsf(x[array_offset(s.axes, s.size, s.input, i)]);
    heed_arithmetic_reference_reduce(&sizes, reduction, absolute, magnitude);
    memcpy(s.output, output.stride, sizeof s.output);
    const HeedStatus status = heed_arithmetic_reduce(&s, reduction, x, y);
    const bool refused = reduction >= HeedArithmeticReductionMaximum && count == 0 && kept > 0;
    CHECK_MESSAGE(status == (refused ? HeedStatusBadShape : HeedStatusOk), "case %d: status %d", c, (int)status);
    for (size_t i = 0; i < kept && !refused; i++) {
      float *result = y + array_offset(s.axes, kept_size, s.output, i);
      const double e = expected[i], limit = reduction < HeedArithmeticReductionMaximum ? 20 * EPSILON * magnitude[i] : 0;
      const bool good = isnan(e) ? isnan(*result) : fabs((double)*result - e) <= limit;
      CHECK_MESSAGE(good, "case %d, reduction %d, result %zu of %zu over %zu: %a instead of %a", c, (int)reduction, i, kept,
                    kept ? count / kept : 0, (double)*result, e);
      if (!good) break;
      poison_floats(result, 1);
    }
    if (test_failures() == 0) CHECK_MESSAGE(is_poison(output.block.data, output.elements), "case %d wrote between the elements", c);
    free(absolute);
    free(magnitude);
    free(expected);
    array_free(&input);
    array_free(&output);
  }
}

// The sum of each line: of a contiguous one, of a column, gathered, alone, and split over threads.
TEST(arithmetic_reduce_bits_depend_on_the_elements_alone) {
  enum { LINES = 70, LENGTH = 5000 };
  float *x = malloc(sizeof(float) * LINES * LENGTH * 2), *y = malloc(sizeof(float) * LINES * LENGTH * 2);
  static float expected[LINES], result[LINES];
  Random r = random_stream(5);
  for (size_t i = 0; i < LINES; i++)
    for (size_t j = 0; j < LENGTH; j++) {
      x[i * LENGTH + j] = (float)random_normal(&r);
      y[j * LINES + i] = x[i * LENGTH + j];
    }
  static const size_t threads[] = {1, 2, 3, 5, 8};
  for (int reduction = 0; reduction < HEED_ARITHMETIC_REDUCTION_COUNT; reduction++) {
    heed_thread_count_set(1);
    const HeedArithmeticReduce rows = {
        .axes = 2, .size = {LINES, LENGTH}, .input = {LENGTH, 1}, .output = {1, 0}, .reduced = {false, true}};
    CHECK(heed_arithmetic_reduce(&rows, (HeedArithmeticReduction)reduction, x, expected) == HeedStatusOk);
    for (size_t t = 0; t < 5; t++) {
      heed_thread_count_set(threads[t]);
      CHECK(heed_arithmetic_reduce(&rows, (HeedArithmeticReduction)reduction, x, result) == HeedStatusOk);
      CHECK(differing_floats(result, expected, LINES, NULL) == 0);
      const HeedArithmeticReduce columns = {
          .axes = 2, .size = {LENGTH, LINES}, .input = {LINES, 1}, .output = {0, 1}, .reduced = {true, false}};
      CHECK(heed_arithmetic_reduce(&columns, (HeedArithmeticReduction)reduction, y, result) == HeedStatusOk);
      CHECK_MESSAGE(differing_floats(result, expected, LINES, NULL) == 0, "columns, reduction %d", reduction);
      const HeedArithmeticReduce folded = {
          .axes = 3, .size = {5, LINES, LENGTH / 5}, .input = {LENGTH / 5, LENGTH, 1}, .output = {0, 1, 0}, .reduced = {true, false, true}};
      CHECK(heed_arithmetic_reduce(&folded, (HeedArithmeticReduction)reduction, x, result) == HeedStatusOk);
      CHECK_MESSAGE(differing_floats(result, expected, LINES, NULL) == 0, "gathered, reduction %d", reduction);
      const HeedArithmeticReduce one = {.axes = 1, .size = {LENGTH}, .input = {LINES}, .reduced = {true}};
      CHECK(heed_arithmetic_reduce(&one, (HeedArithmeticReduction)reduction, y + 33, result) == HeedStatusOk);
      CHECK_MESSAGE(differing_floats(result, expected + 33, 1, NULL) == 0, "alone, reduction %d", reduction);
    }
  }
  // One sum of everything, large enough to be shared out.
  const HeedArithmeticReduce whole = {.axes = 1, .size = {LINES * LENGTH}, .input = {1}, .reduced = {true}};
  for (size_t t = 0; t < 5; t++) {
    heed_thread_count_set(threads[t]);
    CHECK(heed_arithmetic_reduce(&whole, HeedArithmeticReductionSum, x, t == 0 ? expected : result) == HeedStatusOk);
    if (t > 0) CHECK(differing_floats(result, expected, 1, NULL) == 0);
  }
  heed_thread_count_set(0);
  free(y);
  free(x);
}

TEST(arithmetic_arg_maximum_is_the_first_of_equals) {
  for (int c = 0; c < 300 && test_failures() < 10; c++) {
    Random r = random_stream(13000 + (uint64_t)c);
    HeedArithmeticReduce s = {0};
    size_t kept_size[HEED_ARITHMETIC_AXES];
    shape_for(&s, &r, 20000, kept_size);
    const size_t count = array_count(s.axes, s.size), kept = array_count(s.axes, kept_size);
    if (count == 0) continue;
    Array input = array_make(&r, s.axes, s.size, true, 4);
    memcpy(s.input, input.stride, sizeof s.input);
    dense(s.axes, kept_size, s.output);
    float *x = (float *)(void *)input.first;
    for (size_t i = 0; i < count; i++)
      x[array_offset(s.axes, s.size, s.input, i)] =
          c % 5 == 0 && random_below(&r, 200) == 0 ? NAN : (float)random_between(&r, -9, c % 3 ? 9 : 200);
    if (c % 7 == 0) x[0] = -INFINITY;
    int32_t *result = malloc(kept * sizeof *result);
    CHECK(heed_arithmetic_arg_maximum(&s, x, result) == HeedStatusOk);
    size_t reduced_size[HEED_ARITHMETIC_AXES];
    for (size_t i = 0; i < s.axes; i++) reduced_size[i] = s.reduced[i] ? s.size[i] : 1;
    for (size_t k = 0; k < kept; k++) {
      const float *line = x + array_offset(s.axes, kept_size, s.input, k);
      size_t best = 0;
      for (size_t i = 1; i < count / kept; i++) {
        const float now = line[array_offset(s.axes, reduced_size, s.input, best)],
                    next = line[array_offset(s.axes, reduced_size, s.input, i)];
        if (next > now || (isnan(next) && !isnan(now))) best = i;
      }
      CHECK_MESSAGE((size_t)result[k] == best, "case %d, line %zu: %d instead of %zu", c, k, result[k], best);
    }
    free(result);
    array_free(&input);
  }
}

TEST(arithmetic_gather_and_scatter_agree_with_loops) {
  for (int c = 0; c < 400 && test_failures() < 10; c++) {
    Random r = random_stream(15000 + (uint64_t)c);
    const size_t size[3] = {random_below(&r, 5), 1 + random_below(&r, 40), random_below(&r, c % 9 ? 40 : 700)};
    const size_t taken_size[3] = {size[0], random_below(&r, 60), size[2]};
    Array array = array_make(&r, 3, size, false, 4), taken = array_make(&r, 3, taken_size, false, 4);
    size_t index_size[3] = {taken_size[0], taken_size[1], taken_size[2]};
    if (c % 2) index_size[0] = 1, index_size[2] = 1;
    const size_t indices = array_count(3, index_size);
    int32_t *index = malloc((indices + 1) * sizeof *index);
    for (size_t i = 0; i < indices; i++) index[i] = (int32_t)random_below(&r, size[1]);
    HeedArithmeticGather s = {.outer = size[0], .extent = size[1], .count = taken_size[1], .inner = size[2]};
    s.array_outer = array.stride[0], s.array_axis = array.stride[1], s.array_inner = array.stride[2];
    s.taken_outer = taken.stride[0], s.taken_axis = taken.stride[1], s.taken_inner = taken.stride[2];
    s.index_outer = c % 2 ? 0 : (ptrdiff_t)(index_size[1] * index_size[2]);
    s.index_axis = c % 2 ? 1 : (ptrdiff_t)index_size[2];
    s.index_inner = c % 2 ? 0 : 1;
    const ptrdiff_t index_stride[3] = {s.index_outer, s.index_axis, s.index_inner};
    float *x = (float *)(void *)array.first, *y = (float *)(void *)taken.first;
    for (size_t i = 0; i < array_count(3, size); i++) x[array_offset(3, size, array.stride, i)] = (float)random_normal(&r);
    CHECK(heed_arithmetic_gather(&s, x, index, y) == HeedStatusOk);
    const size_t count = array_count(3, taken_size);
    double *sums = calloc(array_count(3, size) + 1, sizeof *sums);
    for (size_t i = 0; i < count; i++) {
      const size_t inner = i % size[2], outer = i / size[2] / taken_size[1];
      const size_t j = (size_t)index[array_offset(3, taken_size, index_stride, i)];
      const size_t from = (outer * size[1] + j) * size[2] + inner;
      float *to = y + array_offset(3, taken_size, taken.stride, i);
      CHECK_MESSAGE(*to == x[array_offset(3, size, array.stride, from)], "case %d, taken %zu", c, i);
      *to = (float)random_between(&r, -9, 9);
      sums[from] += (double)*to;
    }
    for (size_t i = 0; i < array_count(3, size); i++) x[array_offset(3, size, array.stride, i)] = 1;
    CHECK(heed_arithmetic_scatter_add(&s, y, index, x) == HeedStatusOk);
    for (size_t i = 0; i < array_count(3, size); i++)
      CHECK_MESSAGE((double)x[array_offset(3, size, array.stride, i)] == 1 + sums[i], "case %d, scattered %zu", c, i);
    if (indices > 0 && count > 0) {
      float before = *y;
      index[random_below(&r, indices)] = c % 3 ? (int32_t)size[1] : -1;
      CHECK(heed_arithmetic_gather(&s, x, index, y) == HeedStatusBadIndex && *y == before);
      before = *x;
      CHECK(heed_arithmetic_scatter_add(&s, y, index, x) == HeedStatusBadIndex && *x == before);
    }
    free(sums);
    free(index);
    array_free(&array);
    array_free(&taken);
  }
}

TEST(arithmetic_reduce_refuses_bad_arguments_and_touches_nothing) {
  float x[12], y[12];
  poison_floats(y, 12);
  for (int i = 0; i < 12; i++) x[i] = 1;
  const HeedArithmeticReduce good = {.axes = 2, .size = {3, 4}, .input = {4, 1}, .output = {1, 0}, .reduced = {false, true}};
  HeedArithmeticReduce bad = good;
  CHECK(heed_arithmetic_reduce(NULL, HeedArithmeticReductionSum, x, y) == HeedStatusBadArgument);
  CHECK(heed_arithmetic_reduce(&good, HeedArithmeticReductionSum, NULL, y) == HeedStatusBadArgument);
  CHECK(heed_arithmetic_reduce(&good, HeedArithmeticReductionSum, x, NULL) == HeedStatusBadArgument);
  CHECK(heed_arithmetic_reduce(&good, (HeedArithmeticReduction)HEED_ARITHMETIC_REDUCTION_COUNT, x, y) == HeedStatusBadArgument);
  bad.output[0] = 0;
  CHECK(heed_arithmetic_reduce(&bad, HeedArithmeticReductionSum, x, y) == HeedStatusBadStride);
  bad = good, bad.axes = 9;
  CHECK(heed_arithmetic_reduce(&bad, HeedArithmeticReductionSum, x, y) == HeedStatusBadShape);
  bad = good, bad.size[1] = 0;
  CHECK(heed_arithmetic_reduce(&bad, HeedArithmeticReductionMaximum, x, y) == HeedStatusBadShape);
  CHECK(is_poison(y, 12));
}
