// The tables and polynomials of template/math against long double: each error that a comment there states, over the interval that it
// states, from the kernels' own coefficients and without their roundings.

#include <math.h>
#include <stdio.h>

#include "harness.h"
#include "simd/generic.h"

#include "template/math/exp.inc.h"
#include "template/math/gelu.inc.h"
#include "template/math/gelu_tables.inc.h"
#include "template/math/gelu_tanh.inc.h"
#include "template/math/log.inc.h"
#include "template/math/tanh.inc.h"

#define EPS        0x1p-23L
#define EXACT_LN_2 0.69314718055994530941723212145817657L

static long double polynomial(const float *c, int degree, long double x) {
  long double sum = c[degree];
  for (int j = degree - 1; j >= 0; j--) sum = sum * x + c[j];
  return sum;
}

typedef long double (*Error)(long double x);

// The largest |error| over an interval, its ends included.
static void check(const char *name, Error error, long double low, long double high, double bound) {
  enum { points = 20000 };
  long double worst = 0, worst_x = low;
  for (int i = 0; i <= points; i++) {
    const long double x = i == points ? high : low + (high - low) * i / points, e = fabsl(error(x));
    if (!(e <= worst)) worst = e, worst_x = x;
  }
  if (test_exhaustive) printf("  %s: %.4Lg at %.6Lg\n", name, worst, worst_x);
  CHECK_MESSAGE(worst <= (long double)bound, "%s: %.4Lg at %.6Lg, %.4g is stated", name, worst, worst_x, bound);
}

TEST_ONCE(math_constants_are_rounded_from_the_exact_ones) {
  for (int i = 0; i < 16; i++) {
    const long double exact = exp2l(i / 16.0L);
    CHECK(heed_exp2_table[i] == (float)exact);
    CHECK(fabsl(exact - heed_exp2_table[i] - heed_exp2_table_rest[i]) <= exact * 0x1p-49L);
  }
  CHECK(EXP_LOG2_E == (float)(1 / EXACT_LN_2));
  CHECK(fabsl(EXACT_LN_2 - LN_2_HIGH - LN_2_LOW) <= 0x1p-38L);
  CHECK(LN_2_HIGH * 512 == 355);
  CHECK(LOG_SQRT_2 == (float)sqrtl(2));
  CHECK((long double)EXP_LOWEST >= -126 * EXACT_LN_2 && (long double)nextafterf(EXP_LOWEST, -INFINITY) < -126 * EXACT_LN_2);
  const long double density = 1 / sqrtl(8 * atanl(1));
  CHECK(GELU_DENSITY_AT_0 == (float)density);
  CHECK(GELU_TANH_LINEAR == (float)(4 * density));
  CHECK(GELU_TANH_CUBIC == (float)(0.044715L * 4 * density));
}

static long double exp2_error(long double r) { return 1 + r * polynomial(heed_exp2_p3, 2, r) - exp2l(r); }
static long double exp_error(long double r) { return (1 + r * polynomial(heed_exp_p3, 2, r)) / expl(r) - 1; }
static long double log_error(long double f) {
  return f == 0 ? 0 : (f - f * f / 2 + f * f * f * polynomial(heed_log_p8, 8, f)) / log1pl(f) - 1;
}
static long double tanh_error(long double x) { return x == 0 ? 0 : (x + x * x * x * polynomial(heed_tanh_p4, 4, x * x)) / tanhl(x) - 1; }

TEST_ONCE(math_polynomials_keep_their_bounds) {
  check("heed_exp2_p3", exp2_error, -1 / 32.0L, 1 / 32.0L, 1.7e-9);
  check("heed_exp_p3", exp_error, -EXACT_LN_2 / 32, EXACT_LN_2 / 32, 9.4e-9);
  check("heed_log_p8", log_error, sqrtl(0.5L) - 1, sqrtl(2) - 1, 3.6e-9);
  check("heed_tanh_p4", tanh_error, 0, TANH_NEAR, 4.4e-9);
}

// ---- GELU ------------------------------------------------------------------------------------------------------------------------------

static long double upper_tail(long double a) { return erfcl(a * sqrtl(0.5L)) / 2; }
static long double density(long double a) { return expl(-a * a / 2) / sqrtl(8 * atanl(1)); }

// In eps, over 2 + a^2 / 2.
static long double mills_error(long double a) {
  const long double ratio = polynomial(heed_mills_p9, 9, a / (a + MILLS_POLE));
  return (ratio / (upper_tail(a) * expl(a * a / 2)) - 1) / EPSILON / (2 + a * a / 2);
}

static long double by_intervals(const float c[8][16], long double a) {
  const int i = (int)lrintl(a / GELU_INTERVAL);
  const long double r = a - i * (long double)GELU_INTERVAL;
  long double sum = c[7][i];
  for (int j = 6; j >= 0; j--) sum = sum * r + c[j][i];
  return sum;
}

static long double gelu_error(long double a) {
  const long double exact = a * upper_tail(a);
  return a == 0 ? by_intervals(heed_gelu_complement_p7, 0) : (by_intervals(heed_gelu_complement_p7, a) - exact) / exact;
}
static long double gelu_derivative_error(long double a) {
  const long double tail = upper_tail(a), bend = a * density(a);
  return (by_intervals(heed_gelu_derivative_complement_p7, a) - (tail - bend)) / (tail + bend);
}

TEST_ONCE(math_gelu_keeps_its_bounds) {
  check("heed_mills_p9", mills_error, 0, 15, 0.041);
  check("heed_gelu_complement_p7", gelu_error, 0, 4, 0.55 * EPSILON);
  check("heed_gelu_complement_p7 to the end", gelu_error, 4, GELU_NEAR, 1.4 * EPSILON);
  check("heed_gelu_derivative_complement_p7", gelu_derivative_error, 0, 4, 0.4 * EPSILON);
  check("heed_gelu_derivative_complement_p7 to the end", gelu_derivative_error, 4, GELU_NEAR, 0.8 * EPSILON);
}
