// Element-wise arithmetic, comparison and selection: every operation over random shapes, strides and numbers, bits and errors.

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "arithmetic_support.h"

static float sample(Random *r, int family) {
  static const float special[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, FLT_MAX, -FLT_MAX, FLT_MIN, 0x1p-149f, -0x1p-149f, 1, -1};
  const float x = (float)random_normal(r);
  if (family == 1) return ldexpf(x, (int)random_between(r, -60, 60));
  if (family == 2 && random_below(r, 3) == 0) return special[random_below(r, 12)];
  if (family == 3) return (float)random_between(r, -5, 5);
  return x;
}

static void fill(Random *r, const Array *x, size_t axes, const size_t *size, int family) {
  const size_t count = array_count(axes, size);
  for (size_t i = 0; i < count; i++) ((float *)(void *)x->first)[array_offset(axes, size, x->stride, i)] = sample(r, family);
}

// Half an ulp for one rounding. The operations of two roundings add the first, which cancellation may leave large.
static bool is_close(HeedArithmeticOperation operation, float y, double e, double a, double b, double alpha, double beta) {
  if (isnan(e)) return isnan(y);
  const float nearest = (float)e;
  if (y == nearest) return true;
  if (!isfinite(nearest) || !isfinite(y)) {
    // The reference does not overflow half way.
    return operation == HeedArithmeticScaledAdd || operation == HeedArithmeticMultiplyAdd;
  }
  const double unit = fmax(fabs(e) * EPSILON, 0x1p-149);
  if (operation == HeedArithmeticPower) return fabs(y - e) <= 1.01 * unit;
  if (operation == HeedArithmeticReciprocalSquareRoot) return fabs(y - e) <= 1.1 * unit;
  if (operation == HeedArithmeticScaledAdd) return fabs(y - e) <= unit + EPSILON * (fabs(alpha * a) + fabs(beta * b)) + 0x1p-148;
  if (operation == HeedArithmeticMultiplyAdd) return fabs(y - e) <= unit + EPSILON * fabs(a * b) + 0x1p-148;
  return false;
}

TEST(arithmetic_agrees_with_the_oracle) {
  const int cases = test_exhaustive ? 20000 : 1500;
  for (int c = 0; c < cases && test_failures() < 10; c++) {
    Random r = random_stream(7000 + (uint64_t)c);
    HeedArithmeticShape s = {0};
    s.axes = random_sizes(&r, s.size, 20000);
    const size_t count = array_count(s.axes, s.size);
    const HeedArithmeticOperation operation = (HeedArithmeticOperation)(c % HEED_ARITHMETIC_OPERATION_COUNT);
    const int family = (int)random_below(&r, 4);
    Array a = array_make(&r, s.axes, s.size, true, 4), b = array_make(&r, s.axes, s.size, true, 4),
          output = array_make(&r, s.axes, s.size, false, 4);
    fill(&r, &a, s.axes, s.size, family);
    fill(&r, &b, s.axes, s.size, family);
    memcpy(s.a, a.stride, sizeof s.a);
    memcpy(s.b, b.stride, sizeof s.b);
    memcpy(s.output, output.stride, sizeof s.output);
    const HeedArithmeticInputs in = {.a = (float *)(void *)a.first, .b = (float *)(void *)b.first, .alpha = 0.37f, .beta = -1.9f};
    double *expected = malloc((count + 1) * sizeof *expected);
    HeedArithmeticShape dense = s;
    for (size_t i = s.axes, stride = 1; i-- > 0; stride *= s.size[i] ? s.size[i] : 1) dense.output[i] = (ptrdiff_t)stride;
    CHECK(heed_arithmetic_reference_forward(&dense, operation, &in, expected) == HeedStatusOk);
    CHECK(heed_arithmetic_forward(&s, operation, &in, (float *)(void *)output.first) == HeedStatusOk);
    for (size_t i = 0; i < count; i++) {
      float *y = (float *)(void *)output.first + array_offset(s.axes, s.size, s.output, i);
      const double left = in.a[array_offset(s.axes, s.size, s.a, i)], right = in.b[array_offset(s.axes, s.size, s.b, i)];
      const bool good = is_close(operation, *y, expected[i], left, right, (double)in.alpha, (double)in.beta);
      CHECK_MESSAGE(good, "case %d, operation %d, element %zu of %zu: %a instead of %a (a %a, b %a)", c, (int)operation, i, count,
                    (double)*y, expected[i], left, right);
      if (!good) break;
      poison_floats(y, 1);
    }
    if (test_failures() == 0) CHECK_MESSAGE(is_poison(output.block.data, output.elements), "case %d wrote between the elements", c);
    free(expected);
    array_free(&a);
    array_free(&b);
    array_free(&output);
  }
}

static bool holds(int comparison, float a, float b) {
  switch (comparison) {
  case 0:
    return a == b;
  case 1:
    return a != b;
  case 2:
    return a < b;
  case 3:
    return a <= b;
  case 4:
    return a > b;
  default:
    return a >= b;
  }
}

TEST(arithmetic_comparison_and_selection_agree_with_c) {
  for (int c = 0; c < 600 && test_failures() < 10; c++) {
    Random r = random_stream(9000 + (uint64_t)c);
    HeedArithmeticShape s = {0};
    s.axes = random_sizes(&r, s.size, 5000);
    const size_t count = array_count(s.axes, s.size);
    Array a = array_make(&r, s.axes, s.size, true, 4), b = array_make(&r, s.axes, s.size, true, 4),
          bytes = array_make(&r, s.axes, s.size, false, 1), output = array_make(&r, s.axes, s.size, false, 4);
    fill(&r, &a, s.axes, s.size, 2 + c % 2);
    fill(&r, &b, s.axes, s.size, 2 + c % 2);
    memcpy(s.a, a.stride, sizeof s.a);
    memcpy(s.b, b.stride, sizeof s.b);
    memcpy(s.output, bytes.stride, sizeof s.output);
    HeedArithmeticInputs in = {.a = (float *)(void *)a.first, .b = (float *)(void *)b.first};
    const int comparison = c % HEED_ARITHMETIC_COMPARISON_COUNT;
    uint8_t *result = (uint8_t *)bytes.first;
    CHECK(heed_arithmetic_compare(&s, (HeedArithmeticComparison)comparison, &in, result) == HeedStatusOk);
    for (size_t i = 0; i < count; i++) {
      const float left = in.a[array_offset(s.axes, s.size, s.a, i)], right = in.b[array_offset(s.axes, s.size, s.b, i)];
      const uint8_t got = result[array_offset(s.axes, s.size, s.output, i)];
      CHECK_MESSAGE(got == holds(comparison, left, right), "case %d, comparison %d of %a and %a: %d", c, comparison, (double)left,
                    (double)right, got);
    }
    // The comparison's bytes choose; whatever is not 0 is true.
    memcpy(s.mask, bytes.stride, sizeof s.mask);
    memcpy(s.output, output.stride, sizeof s.output);
    in.mask = result;
    CHECK(heed_arithmetic_select(&s, &in, (float *)(void *)output.first) == HeedStatusOk);
    for (size_t i = 0; i < count; i++) {
      const bool taken = result[array_offset(s.axes, s.size, s.mask, i)] != 0;
      const float *from = taken ? in.a + array_offset(s.axes, s.size, s.a, i) : in.b + array_offset(s.axes, s.size, s.b, i);
      float *to = (float *)(void *)output.first + array_offset(s.axes, s.size, s.output, i);
      CHECK_MESSAGE(differing_floats(from, to, 1, NULL) == 0, "case %d, selected element %zu", c, i);
      poison_floats(to, 1);
    }
    CHECK(is_poison(output.block.data, output.elements));
    array_free(&a);
    array_free(&b);
    array_free(&bytes);
    array_free(&output);
  }
}

TEST(arithmetic_bits_do_not_depend_on_threads_or_place) {
  enum { COUNT = 100003 };
  static float a[COUNT + 1], b[COUNT + 1], expected[COUNT], result[COUNT];
  Random r = random_stream(1);
  for (size_t i = 0; i < COUNT; i++) a[i] = sample(&r, 1), b[i] = sample(&r, 1);
  HeedArithmeticShape s = {.axes = 1, .size = {COUNT}, .output = {1}, .a = {1}, .b = {1}};
  const HeedArithmeticInputs in = {.a = a, .b = b, .alpha = 1.1f, .beta = 0.3f};
  static const size_t threads[] = {1, 2, 3, 5, 8};
  for (int operation = 0; operation < HEED_ARITHMETIC_OPERATION_COUNT; operation++)
    for (size_t t = 0; t < 5; t++) {
      heed_thread_count_set(threads[t]);
      float *target = t == 0 ? expected : result;
      CHECK(heed_arithmetic_forward(&s, (HeedArithmeticOperation)operation, &in, target) == HeedStatusOk);
      if (t > 0) CHECK(differing_floats(expected, result, COUNT, NULL) == 0);
      if (t == 4) { // in place, and a stretch alone
        memcpy(result, a, sizeof result);
        CHECK(heed_arithmetic_forward(&s, (HeedArithmeticOperation)operation, &(HeedArithmeticInputs){result, b, NULL, 1.1f, 0.3f},
                                      result) == HeedStatusOk);
        CHECK(differing_floats(expected, result, COUNT, NULL) == 0);
        const HeedArithmeticShape part = {.axes = 1, .size = {37}, .output = {1}, .a = {1}, .b = {1}};
        CHECK(heed_arithmetic_forward(&part, (HeedArithmeticOperation)operation,
                                      &(HeedArithmeticInputs){a + 777, b + 777, NULL, 1.1f, 0.3f}, result) == HeedStatusOk);
        CHECK(differing_floats(expected + 777, result, 37, NULL) == 0);
      }
    }
  heed_thread_count_set(0);
}

TEST(arithmetic_refuses_bad_arguments_and_touches_nothing) {
  float x[12], y[12];
  uint8_t mask[12] = {0};
  poison_floats(y, 12);
  for (int i = 0; i < 12; i++) x[i] = 1;
  const HeedArithmeticShape good = {.axes = 2, .size = {3, 4}, .output = {4, 1}, .a = {4, 1}, .b = {0, 0}, .mask = {4, 1}};
  const HeedArithmeticInputs in = {.a = x, .b = x, .mask = mask};
  HeedArithmeticShape bad = good;
#define REFUSES(status, shape, inputs, output) CHECK(heed_arithmetic_forward(shape, HeedArithmeticAdd, inputs, output) == status)
  REFUSES(HeedStatusBadArgument, NULL, &in, y);
  REFUSES(HeedStatusBadArgument, &good, NULL, y);
  REFUSES(HeedStatusBadArgument, &good, &in, NULL);
  REFUSES(HeedStatusBadArgument, &good, (&(HeedArithmeticInputs){.a = x}), y);
  REFUSES(HeedStatusBadArgument, &good, (&(HeedArithmeticInputs){.b = x}), y);
  bad.axes = 9;
  REFUSES(HeedStatusBadShape, &bad, &in, y);
  bad = good, bad.size[0] = SIZE_MAX;
  REFUSES(HeedStatusBadShape, &bad, &in, y);
  bad = good, bad.output[0] = 3;
  REFUSES(HeedStatusBadStride, &bad, &in, y);
  bad = good, bad.output[0] = 0;
  REFUSES(HeedStatusBadStride, &bad, &in, y);
  bad = good, bad.b[0] = PTRDIFF_MIN;
  REFUSES(HeedStatusBadStride, &bad, &in, y);
  CHECK(heed_arithmetic_forward(&good, (HeedArithmeticOperation)HEED_ARITHMETIC_OPERATION_COUNT, &in, y) == HeedStatusBadArgument);
  CHECK(heed_arithmetic_select(&good, &(HeedArithmeticInputs){.a = x, .b = x}, y) == HeedStatusBadArgument);
  CHECK(heed_arithmetic_compare(&good, (HeedArithmeticComparison)HEED_ARITHMETIC_COMPARISON_COUNT, &in, mask) == HeedStatusBadArgument);
  CHECK(is_poison(y, 12));
  bad = good, bad.size[1] = 0;
  REFUSES(HeedStatusOk, &bad, (&(HeedArithmeticInputs){.a = NULL}), NULL);
}
