// Activation functions over every kind of float against float64, and their place in memory.

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "activation_support.h"
#include "harness.h"
#include "heed/activation.h"

static double exact(HeedActivation activation, double x) {
  switch (activation) {
  case HeedActivationNone:
    return x;
  case HeedActivationRelu:
    return x > 0 ? x : 0;
  case HeedActivationSigmoid:
    return 1 / (1 + exp(-x));
  case HeedActivationTanh:
    return tanh(x);
  case HeedActivationSilu:
    return x == -INFINITY ? -0.0 : x / (1 + exp(-x));
  case HeedActivationGelu:
    return x == -INFINITY ? -0.0 : 0.5 * x * erfc(-x * M_SQRT1_2);
  case HeedActivationGeluTanh:
    return x < -1e3 ? -0.0 : x / (1 + exp(-2 * 0.79788456080286535588 * (x + 0.044715 * x * x * x)));
  case HeedActivationExp:
    return exp(x);
  case HeedActivationLog:
    return log(x);
  case HeedActivationSoftplus:
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
  }
  return NAN;
}

// The error of y for f(x) = r, in units of what is allowed: 1 is just allowed.
static double excess(HeedActivation activation, double r, float x, float y) {
  if (isnan(x) || isnan(r)) return isnan(y) ? 0 : INFINITY;
  if (!isfinite(r)) return (double)y == r ? 0 : INFINITY;
  if (!isfinite(y)) return fabs(r) > (double)FLT_MAX ? 0 : INFINITY;
  const double error = fabs((double)y - r), size = fabs(r);
  if (size < 0x1p-126 && error <= 0x1p-149) return 0;
  int exponent;
  frexp(size, &exponent);
  const double ulp = size < 0x1p-126 ? 0x1p-149 : ldexp(1.0, exponent - 24), X = (double)x;
  switch (activation) {
  case HeedActivationNone:
  case HeedActivationRelu:
    return error == 0 ? 0 : INFINITY;
  case HeedActivationSigmoid:
  case HeedActivationTanh:
    return error / (2 * ulp);
  case HeedActivationLog:
    return error / (2 * ulp);
  case HeedActivationExp:
    return error / (1.5 * ulp);
  case HeedActivationSilu:
  case HeedActivationSoftplus:
    return error / (3 * ulp);
  case HeedActivationGelu:
    return error / ((2 + X * X / 2) * EPSILON * fmax(size, 0x1p-126));
  case HeedActivationGeluTanh:
    return error / ((2 + 3 * 0.79788456 * fabs(X + 0.044715 * X * X * X)) * EPSILON * fmax(size, 0x1p-126));
  }
  return INFINITY;
}

// The error in units in the last place; 0 where that says nothing.
static double ulps(double exact, float y) {
  int exponent;
  frexp(exact, &exponent);
  if (!isfinite(exact) || !isfinite(y) || fabs(exact) < 0x1p-126) return 0;
  return fabs((double)y - exact) / ldexp(1.0, exponent - 24);
}

static void check_block(HeedActivation activation, const float *input, size_t count, uint64_t block, SweepWorst *worst) {
  (void)block;
  float output[SWEEP_BLOCK];
  REQUIRE(heed_activation_forward(activation, count, input, output) == HeedStatusOk);
  for (size_t i = 0; i < count; i++) {
    const double r = exact(activation, (double)input[i]), e = excess(activation, r, input[i], output[i]), u = ulps(r, output[i]);
    if (e > worst->excess) worst->excess = e, worst->excess_input = input[i];
    if (u > worst->ulp) worst->ulp = u, worst->ulp_input = input[i];
  }
}

static const char *const names[HEED_ACTIVATION_COUNT] = {
    [HeedActivationNone] = "none",
    [HeedActivationRelu] = "relu",
    [HeedActivationSigmoid] = "sigmoid",
    [HeedActivationTanh] = "tanh",
    [HeedActivationSilu] = "silu",
    [HeedActivationGelu] = "gelu",
    [HeedActivationGeluTanh] = "gelu (tanh)",
    [HeedActivationExp] = "exp",
    [HeedActivationLog] = "log",
    [HeedActivationSoftplus] = "softplus",
};

TEST(activation_is_accurate_over_all_floats) {
  for (int a = 0; a < HEED_ACTIVATION_COUNT; a++) {
    const SweepWorst worst = activation_sweep((HeedActivation)a, check_block);
    if (test_exhaustive) {
      printf("  %s: at most %.3f ulp, at %.9g; %.3f of what is allowed, at %.9g\n", names[a], worst.ulp, (double)worst.ulp_input,
             worst.excess, (double)worst.excess_input);
      fflush(stdout);
    }
    CHECK_MESSAGE(worst.excess <= 1, "%s: %.3f of what is allowed, at %.9g", names[a], worst.excess, (double)worst.excess_input);
  }
}

TEST(activation_keeps_signs_and_limits) {
  const float input[] = {-INFINITY, INFINITY, -0.0f, 0.0f};
  float y[4];
  heed_activation_forward(HeedActivationGelu, 4, input, y);
  CHECK(y[0] == 0 && signbit(y[0]) && y[1] == INFINITY && y[2] == 0 && signbit(y[2]) && !signbit(y[3]));
  heed_activation_forward(HeedActivationGeluTanh, 4, input, y);
  CHECK(y[0] == 0 && signbit(y[0]) && y[1] == INFINITY && y[2] == 0 && signbit(y[2]) && !signbit(y[3]));
  heed_activation_forward(HeedActivationSilu, 4, input, y);
  CHECK(y[0] == 0 && signbit(y[0]) && y[1] == INFINITY && y[2] == 0 && signbit(y[2]) && !signbit(y[3]));
  heed_activation_forward(HeedActivationTanh, 4, input, y);
  CHECK(y[0] == -1 && y[1] == 1 && y[2] == 0 && signbit(y[2]) && !signbit(y[3]));
  heed_activation_forward(HeedActivationSigmoid, 4, input, y);
  CHECK(y[0] == 0 && y[1] == 1 && y[2] == 0.5f && y[3] == 0.5f);
  heed_activation_forward(HeedActivationExp, 4, input, y);
  CHECK(y[0] == 0 && y[1] == INFINITY && y[2] == 1 && y[3] == 1);
  heed_activation_forward(HeedActivationLog, 4, input, y);
  CHECK(isnan(y[0]) && y[1] == INFINITY && y[2] == -INFINITY && y[3] == -INFINITY);
  heed_activation_forward(HeedActivationSoftplus, 4, input, y);
  CHECK(y[0] == 0 && y[1] == INFINITY && y[2] == (float)M_LN2 && y[3] == (float)M_LN2);
  heed_activation_forward(HeedActivationRelu, 4, input, y);
  CHECK(y[0] == 0 && y[1] == INFINITY && !signbit(y[2]) && !signbit(y[3]));
}

// Any length, at either end of a page, in place or not, on any number of threads: the same bits, and nothing beside them.
TEST(activation_bits_depend_on_the_element_alone) {
  enum { most = 40000 };
  static float input[most], expected[most];
  Random r = random_stream(1);
  for (size_t i = 0; i < most; i++) input[i] = (float)(4 * random_normal(&r));
  for (int a = 0; a < HEED_ACTIVATION_COUNT; a++) {
    for (size_t i = 0; i < most; i++) heed_activation_forward((HeedActivation)a, 1, input + i, expected + i);
    static const size_t counts[] = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 100, 16384, 16385, most};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
      for (int side = 0; side < 2; side++) {
        const size_t count = counts[c];
        Guarded from = guarded_allocate(count * sizeof(float), (GuardSide)side),
                to = guarded_allocate(count * sizeof(float), (GuardSide)side);
        memcpy(from.data, input, count * sizeof(float));
        heed_thread_count_set(1 + c % 3);
        CHECK(heed_activation_forward((HeedActivation)a, count, from.data, to.data) == HeedStatusOk);
        CHECK(differing_floats(to.data, expected, count, NULL) == 0);
        CHECK(heed_activation_forward((HeedActivation)a, count, from.data, from.data) == HeedStatusOk);
        CHECK(differing_floats(from.data, expected, count, NULL) == 0);
        guarded_free(&from);
        guarded_free(&to);
      }
  }
  heed_thread_count_set(0);
}

TEST_ONCE(activation_refuses_bad_arguments) {
  float x = 1;
  CHECK(heed_activation_forward((HeedActivation)HEED_ACTIVATION_COUNT, 1, &x, &x) == HeedStatusBadArgument);
  CHECK(heed_activation_forward(HeedActivationRelu, 1, NULL, &x) == HeedStatusBadArgument);
  CHECK(heed_activation_forward(HeedActivationRelu, 1, &x, NULL) == HeedStatusBadArgument);
  CHECK(heed_activation_forward(HeedActivationRelu, 0, NULL, NULL) == HeedStatusOk);
}
