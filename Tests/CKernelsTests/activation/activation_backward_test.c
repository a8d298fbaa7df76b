// Gradients of activation functions over every kind of float against float64, and their place in memory.

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "activation_support.h"
#include "harness.h"
#include "heed/activation.h"

static double logistic(double x) { return 1 / (1 + exp(-x)); }

// f'(x), and in `magnitude` what its error is counted in, in units of eps: where terms cancel, their magnitudes.
static double derivative(HeedActivation activation, double x, double *magnitude) {
  double s, v, x_dv, result;
  switch (activation) {
  case HeedActivationNone:
  case HeedActivationRelu:
    *magnitude = 0;
    return activation == HeedActivationNone || x > 0;
  case HeedActivationSigmoid:
    result = logistic(x) * logistic(-x);
    *magnitude = 5 * result;
    return result;
  case HeedActivationTanh:
    result = 4 * logistic(2 * x) * logistic(-2 * x);
    *magnitude = 5 * result;
    return result;
  case HeedActivationSilu:
    if (fabs(x) > 1e3) x = copysign(1e3, x);
    s = logistic(x), x_dv = x * s * logistic(-x);
    *magnitude = 5 * (s + fabs(x_dv));
    return s + x_dv;
  case HeedActivationGelu:
    if (fabs(x) > 1e3) x = copysign(1e3, x);
    s = 0.5 * erfc(-x * M_SQRT1_2), x_dv = x * exp(-0.5 * x * x) * 0.39894228040143267794;
    *magnitude = (3 + x * x) * (s + fabs(x_dv));
    return s + x_dv;
  case HeedActivationGeluTanh:
    if (fabs(x) > 1e3) x = copysign(1e3, x);
    v = 2 * 0.79788456080286535588 * (x + 0.044715 * x * x * x);
    x_dv = 2 * 0.79788456080286535588 * (1 + 3 * 0.044715 * x * x);
    s = logistic(v), x_dv *= x * logistic(-v);
    *magnitude = (4 + 3 * fabs(v)) * s * (1 + fabs(x_dv));
    return (1 + x_dv) * s;
  case HeedActivationExp:
    result = exp(x);
    *magnitude = 2.5 * result;
    return result;
  case HeedActivationLog:
    *magnitude = 0.5 / fabs(x);
    return 1 / x;
  case HeedActivationSoftplus:
    s = logistic(x);
    *magnitude = 4 * s;
    return s;
  }
  return NAN;
}

// The error in units of what is allowed.
static double excess(HeedActivation activation, float x, float d_output, float y) {
  double magnitude;
  const double f = derivative(activation, (double)x, &magnitude), r = f * (double)d_output;
  if (activation == HeedActivationNone) return y == d_output ? 0 : INFINITY;
  if (isnan(x) || isnan(r)) return isnan(y) ? 0 : INFINITY;
  if (activation == HeedActivationExp && fabs(f) > (double)FLT_MAX) return isinf(y) || isnan(y) || fabs(r) < 0x1p-100 ? 0 : INFINITY;
  if (!isfinite(r) || fabs(r) > (double)FLT_MAX) return y == (r > 0 ? INFINITY : -INFINITY) || fabsf(y) == FLT_MAX ? 0 : INFINITY;
  if (isinf(y)) return fabs(r) > (double)FLT_MAX * (1 - 0x1p-20) ? 0 : INFINITY;
  const double error = fabs((double)y - r);
  // Where the derivative is denormal it may be off by its last place, and the product rounds once more.
  return error <= 0x1p-149 * (fmax(1, (double)fabsf(d_output)) + 0.5) && fabs(f) < 0x1p-126 ? 0
         : error <= 0x1p-149 && fabs(r) < 0x1p-126                                          ? 0
         : error == 0                                                                       ? 0
                      : error / (magnitude * fabs((double)d_output) * EPSILON);
}

static void check_block(HeedActivation activation, const float *input, size_t count, uint64_t block, SweepWorst *worst) {
  float d_output[SWEEP_BLOCK], output[SWEEP_BLOCK];
  Random r = random_stream(400 + block);
  for (size_t i = 0; i < count; i++) d_output[i] = test_exhaustive && i % 4 ? 1 : (float)random_normal(&r);
  REQUIRE(heed_activation_backward(activation, HeedActivationSavedInput, count, input, d_output, output) == HeedStatusOk);
  for (size_t i = 0; i < count; i++) {
    const double e = excess(activation, input[i], d_output[i], output[i]);
    if (e > worst->excess) worst->excess = e, worst->excess_input = input[i], worst->d_output = d_output[i];
  }
}

TEST(activation_backward_is_accurate_over_all_floats) {
  for (int a = 0; a < HEED_ACTIVATION_COUNT; a++) {
    const SweepWorst worst = activation_sweep((HeedActivation)a, check_block);
    if (test_exhaustive) {
      printf("  gradient of activation %d: at most %.3f of what is allowed, at %.9g\n", a, worst.excess, (double)worst.excess_input);
      fflush(stdout);
    }
    CHECK_MESSAGE(worst.excess <= 1, "activation %d: %.3f of what is allowed, at %.9g times %.9g", a, worst.excess,
                  (double)worst.excess_input, (double)worst.d_output);
  }
}

// What arrives may be as large as floats are, or as small.
TEST(activation_backward_of_extreme_gradients) {
  static const float arrivals[] = {FLT_MAX, -FLT_MAX, 1e30f, FLT_MIN, 1e-40f, 0x1p-149f, 0.0f, -0.0f};
  enum { COUNT = 8 };
  float x[COUNT], y[COUNT];
  for (int a = 0; a < HEED_ACTIVATION_COUNT; a++)
    for (float at = -90; at <= 20; at += 0.37f) {
      if (a == HeedActivationExp && at > 0) continue;
      for (int i = 0; i < COUNT; i++) x[i] = at;
      heed_activation_backward((HeedActivation)a, HeedActivationSavedInput, COUNT, x, arrivals, y);
      for (int i = 0; i < COUNT; i++) {
        const double e = excess((HeedActivation)a, at, arrivals[i], y[i]);
        CHECK_MESSAGE(e <= 1, "activation %d at %g of %g: %g, %.3f of what is allowed", a, (double)at, (double)arrivals[i], (double)y[i],
                      e);
      }
    }
}

TEST(activation_backward_from_the_output) {
  enum { COUNT = 4000 };
  static float x[COUNT], y[COUNT], d_output[COUNT], d_input[COUNT];
  static const struct {
    HeedActivation activation;
    double bound; // of the absolute error, in eps
  } cases[] = {
      {HeedActivationNone, 0}, {HeedActivationRelu, 0}, {HeedActivationSigmoid, 3}, {HeedActivationTanh, 4}, {HeedActivationExp, 2.5}};
  Random r = random_stream(410);
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    for (size_t i = 0; i < COUNT; i++) x[i] = (float)(5 * random_normal(&r)), d_output[i] = (float)random_normal(&r);
    x[0] = 0, x[1] = -0.0f, x[2] = NAN, x[3] = INFINITY, x[4] = -INFINITY;
    heed_activation_forward(cases[c].activation, COUNT, x, y);
    REQUIRE(heed_activation_backward(cases[c].activation, HeedActivationSavedOutput, COUNT, y, d_output, d_input) == HeedStatusOk);
    for (size_t i = 0; i < COUNT; i++) {
      double magnitude;
      const double f = derivative(cases[c].activation, (double)x[i], &magnitude), expected = f * (double)d_output[i];
      if (cases[c].activation == HeedActivationNone || isfinite(expected)) {
        const double size = cases[c].activation == HeedActivationExp ? f : 1;
        CHECK_MESSAGE(fabs((double)d_input[i] - expected) <= cases[c].bound * EPSILON * size * fabs((double)d_output[i]) + 0x1p-149 ||
                          (cases[c].activation == HeedActivationNone) || isnan(x[i]),
                      "activation %d at %g: %g, not %g", cases[c].activation, (double)x[i], (double)d_input[i], expected);
      }
      if (isnan(x[i]) && cases[c].activation != HeedActivationNone) CHECK(isnan(d_input[i]));
    }
  }
  CHECK(heed_activation_backward(HeedActivationGelu, HeedActivationSavedOutput, COUNT, y, d_output, d_input) == HeedStatusNotSupported);
}

TEST(activation_backward_of_a_relu_selects) {
  const float x[] = {-1, 0, -0.0f, 2, -INFINITY, INFINITY}, d_output[] = {NAN, INFINITY, NAN, 3, NAN, 4};
  float y[6];
  heed_activation_backward(HeedActivationRelu, HeedActivationSavedInput, 6, x, d_output, y);
  CHECK(y[0] == 0 && y[1] == 0 && y[2] == 0 && y[3] == 3 && y[4] == 0 && y[5] == 4);
}

// Any length, at either end of a page, in the place of either operand, on any number of threads: the same bits, and nothing beside them.
TEST(activation_backward_bits_depend_on_the_element_alone) {
  enum { most = 40000 };
  static float input[most], d_output[most], expected[most];
  Random r = random_stream(420);
  for (size_t i = 0; i < most; i++) input[i] = (float)(4 * random_normal(&r)), d_output[i] = (float)random_normal(&r);
  for (int a = 0; a < HEED_ACTIVATION_COUNT; a++) {
    for (size_t i = 0; i < most; i++)
      heed_activation_backward((HeedActivation)a, HeedActivationSavedInput, 1, input + i, d_output + i, expected + i);
    static const size_t counts[] = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 100, 16384, 16385, most};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
      for (int side = 0; side < 2; side++) {
        const size_t count = counts[c], bytes = count * sizeof(float);
        Guarded x = guarded_allocate(bytes, (GuardSide)side), dy = guarded_allocate(bytes, (GuardSide)side);
        Guarded to = guarded_allocate(bytes, (GuardSide)side);
        memcpy(x.data, input, bytes);
        memcpy(dy.data, d_output, bytes);
        heed_thread_count_set(1 + c % 3);
        for (int place = 0; place < 3; place++) {
          float *result = place == 0 ? to.data : place == 1 ? dy.data : x.data;
          CHECK(heed_activation_backward((HeedActivation)a, HeedActivationSavedInput, count, x.data, dy.data, result) == HeedStatusOk);
          CHECK(differing_floats(result, expected, count, NULL) == 0);
          memcpy(dy.data, d_output, bytes);
        }
        guarded_free(&x);
        guarded_free(&dy);
        guarded_free(&to);
      }
  }
  heed_thread_count_set(0);
}

TEST_ONCE(activation_backward_refuses_bad_arguments) {
  float x = 1, y = 2;
  const HeedActivationSaved input = HeedActivationSavedInput;
  CHECK(heed_activation_backward((HeedActivation)HEED_ACTIVATION_COUNT, input, 1, &x, &x, &y) == HeedStatusBadArgument);
  CHECK(heed_activation_backward(HeedActivationRelu, (HeedActivationSaved)2, 1, &x, &x, &y) == HeedStatusBadArgument);
  CHECK(heed_activation_backward(HeedActivationRelu, input, 1, NULL, &x, &y) == HeedStatusBadArgument);
  CHECK(heed_activation_backward(HeedActivationRelu, input, 1, &x, NULL, &y) == HeedStatusBadArgument);
  CHECK(heed_activation_backward(HeedActivationRelu, input, 1, &x, &x, NULL) == HeedStatusBadArgument);
  CHECK(heed_activation_backward(HeedActivationRelu, input, SIZE_MAX, &x, &x, &y) == HeedStatusBadShape);
  CHECK(heed_activation_backward(HeedActivationRelu, input, 0, NULL, NULL, NULL) == HeedStatusOk);
  CHECK(y == 2);
}
