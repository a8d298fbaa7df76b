// Optimisers count numbers below 2^-126 as 0: moments of parameters that are not used decay to 0 and do not stay among the denormals.

#include <float.h>
#include <math.h>
#include <string.h>

#include "harness.h"
#include "heed/optimizer.h"

#define COUNT 70001 // several chunks, so that several workers step

static float value[COUNT], gradient[COUNT], m[COUNT], v[COUNT], v_max[COUNT];

static size_t denormals(const float *x) {
  size_t count = 0;
  for (size_t i = 0; i < COUNT; i++) count += fpclassify(x[i]) == FP_SUBNORMAL;
  return count;
}

static size_t zeros(const float *x) {
  size_t count = 0;
  for (size_t i = 0; i < COUNT; i++) count += x[i] == 0;
  return count;
}

// Without fused multiply-adds Adam's first moment rests where a step's part of it would be denormal.
static bool first_may_rest(void) { return heed_isa_current() == HeedISAGeneric; }

static void begin(void) {
  for (size_t i = 0; i < COUNT; i++) {
    const float size = i % 3 == 0 ? FLT_MIN : i % 3 == 1 ? 0x1p-130f : 0x1p-149f;
    m[i] = i % 2 ? size : -size, v[i] = size, v_max[i] = size;
    value[i] = 1, gradient[i] = 0;
  }
}

TEST(optimizer_moments_of_unused_parameters_become_zero) {
  HeedOptimizerParameter span = {COUNT, value, gradient, m, v, v_max, 0};
  for (size_t threads = 1; threads <= 3; threads++) {
    heed_thread_count_set(threads);
    for (int variant = 0; variant < 2; variant++) {
      begin();
      HeedOptimizerAdam adam = {0.01, 0.9, 0.999, 1e-8, false, variant == 1, 1, 1};
      for (adam.step = 1; adam.step <= 3; adam.step++) {
        REQUIRE(heed_optimizer_adam(&adam, 1, &span) == HeedStatusOk);
        CHECK_MESSAGE(denormals(m) + denormals(v) == 0, "%zu and %zu after step %zu", denormals(m), denormals(v), (size_t)adam.step);
        if (variant == 1) CHECK_MESSAGE(denormals(v_max) == 0, "%zu after step %zu", denormals(v_max), (size_t)adam.step);
      }
      CHECK_MESSAGE(zeros(v) == COUNT, "%zu", zeros(v));
      CHECK_MESSAGE(zeros(m) == COUNT || first_may_rest(), "%zu", zeros(m));
      for (size_t i = 0; i < COUNT; i++) CHECK(value[i] == 1);
    }
    begin();
    HeedOptimizerSgd sgd = {.lr = 0.1, .momentum = 0.9, .step = 2, .gradient_scale = 1};
    for (sgd.step = 2; sgd.step <= 4; sgd.step++) {
      REQUIRE(heed_optimizer_sgd(&sgd, 1, &span) == HeedStatusOk);
      CHECK_MESSAGE(denormals(m) == 0, "%zu after step %zu", denormals(m), (size_t)sgd.step);
    }
    CHECK(zeros(m) == COUNT);
  }
  heed_thread_count_set(0);
}

// A moment of normal size that decays goes from the last normal value to 0.
TEST(optimizer_moments_decay_past_the_denormals) {
  memset(gradient, 0, sizeof gradient);
  for (size_t i = 0; i < COUNT; i++) value[i] = 1, m[i] = 0x1p-100f, v[i] = 0x1p-120f;
  HeedOptimizerParameter span = {COUNT, value, gradient, m, v, NULL, 0};
  HeedOptimizerAdam adam = {0.01, 0.5, 0.6, 1e-8, false, false, 1, 1};
  for (adam.step = 1; adam.step <= 40; adam.step++) {
    REQUIRE(heed_optimizer_adam(&adam, 1, &span) == HeedStatusOk);
    CHECK(denormals(m) == 0 && denormals(v) == 0);
  }
  CHECK(zeros(v) == COUNT);
  CHECK(zeros(m) == COUNT || (first_may_rest() && m[0] == FLT_MIN));
}

// Values and gradients too.
TEST(optimizer_counts_denormal_values_and_gradients_as_zero) {
  for (size_t i = 0; i < COUNT; i++) value[i] = 0x1p-127f, gradient[i] = 0x1p-128f, m[i] = 0;
  HeedOptimizerParameter span = {.count = COUNT, .value = value, .gradient = gradient, .m = m};
  const HeedOptimizerSgd sgd = {.lr = 1, .momentum = 0.5, .step = 1, .gradient_scale = 1};
  REQUIRE(heed_optimizer_sgd(&sgd, 1, &span) == HeedStatusOk);
  CHECK(zeros(value) == COUNT && zeros(m) == COUNT);
}
