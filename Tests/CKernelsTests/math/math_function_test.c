// What the functions of template/math promise in ulp, with the roundings of each vocabulary, against long double. Those that an entry point
// applies element by element (exp, log, tanh, sigmoid, GELU ...) have heed_test_activation.

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "heed/runtime.h"
#include "math_support.h"

long double math_exact_mills(long double a) { return erfcl(a * 0.70710678118654752440084436210484904L) / 2 * expl(a * a / 2); }

// Floats in order as integers, so that steps of them reach every magnitude.
static int64_t order_of(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits < 0 ? -(int64_t)(bits & INT32_MAX) : bits;
}
static float float_at(int64_t order) {
  const int32_t bits = order < 0 ? (int32_t)-order | INT32_MIN : (int32_t)order;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static double ulps(long double exact, float y) {
  if (exact == 0) return (double)fabsf(y) / 0x1p-149;
  int exponent;
  frexpl(exact, &exponent);
  return (double)(fabsl((long double)y - exact) / ldexpl(1, exponent - 24));
}

// 2^16 floats of the interval (2^20 with --exhaustive), a constant number of floats apart, and as many evenly spaced ones, the ends
// included.
static void check(const char *table, const MathFunction *f) {
  const int64_t points = test_exhaustive ? 1 << 20 : 1 << 16;
  const int64_t low = order_of(f->low), high = order_of(f->high);
  const int64_t step = (high - low) / points + 1, floats = (high - low) / step + 1;
  double worst = 0; // in units of what is promised
  float worst_input = f->low;
  for (int64_t i = 0; i < floats + points; i += MATH_LANES) {
    float x[MATH_LANES], y[MATH_LANES];
    for (int64_t j = 0; j < MATH_LANES; j++) {
      const int64_t k = i + j - floats;
      if (k < 0)
        x[j] = float_at(low + (i + j) * step);
      else
        x[j] = k < points - 1 ? (float)(f->low + ((double)f->high - f->low) * k / (points - 1)) : f->high;
    }
    f->apply(x, y);
    for (int j = 0; j < MATH_LANES; j++) {
      const double error = ulps(f->exact((long double)x[j]), y[j]) / (f->ulp + f->ulp_per_square * x[j] * x[j]);
      if (!(error <= worst)) worst = error, worst_input = x[j];
    }
  }
  if (test_exhaustive) printf("  %s %s: %.3f of what is promised, at %a\n", table, f->name, worst, (double)worst_input), fflush(stdout);
  CHECK_MESSAGE(worst <= 1, "%s %s: %.3f of what is promised, at %a", table, f->name, worst, (double)worst_input);
}

TEST_ONCE(math_functions_keep_their_bounds) {
  for (int i = 0; i < MATH_FUNCTION_COUNT; i++) {
    check("generic", &math_functions_generic[i]);
#if defined(__x86_64__)
    if (heed_isa_available(HeedISAAvx2)) check("avx2", &math_functions_avx2[i]);
    if (heed_isa_available(HeedISAAvx512)) check("avx512", &math_functions_avx512[i]);
#endif
  }
}
