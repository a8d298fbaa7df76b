// The natural logarithm. The name says the algorithm: rr2 ln 2 in two parts, p11 a polynomial of degree 11 (8 and three known terms).

#ifndef HEED_MATH_LOG_INC_H
#define HEED_MATH_LOG_INC_H

#include <float.h>
#include <math.h>

#include "template/math/ln_2_parts.inc.h"

// log(1 + f) = f - f^2 / 2 + f^3 P(f) for 1 + f in [sqrt(1/2), sqrt 2], within 3.6e-9 (0.03 eps), relative: the coefficients of logf in
// Moshier's Cephes library (single/logf.c). Remez for the least relative error of P over that interval gives them again, to 6 digits.
static const float heed_log_p8[9] = {
    3.3333331174e-1f,  -2.4999993993e-1f, 2.0000714765e-1f,  -1.6668057665e-1f, 1.4249322787e-1f,
    -1.2420140846e-1f, 1.1676998740e-1f,  -1.1514610310e-1f, 7.0376836292e-2f,
};

#define LOG_SQRT_2 0x1.6a09e6p+0f // rounded to float32

// log(m) + k ln 2 + rest for m in [sqrt(1/2), sqrt 2] and a `rest` that is small in comparison; if both are 0, within 0.9 ulp.
INLINE_KERNEL vf log_rr2_p11(vf m, vf k, vf rest) {
  const vf f = vf_sub(m, vf_set1(1.0f)), z = vf_mul(f, f);
  vf p = vf_fma(vf_set1(heed_log_p8[8]), f, vf_set1(heed_log_p8[7]));
  p = vf_fma(p, f, vf_set1(heed_log_p8[6]));
  p = vf_fma(p, f, vf_set1(heed_log_p8[5]));
  p = vf_fma(p, f, vf_set1(heed_log_p8[4]));
  p = vf_fma(p, f, vf_set1(heed_log_p8[3]));
  p = vf_fma(p, f, vf_set1(heed_log_p8[2]));
  p = vf_fma(p, f, vf_set1(heed_log_p8[1]));
  p = vf_fma(p, f, vf_set1(heed_log_p8[0]));
  // The small terms first: f^3 P, -f^2 / 2, the second part of k ln 2; then f; then the large part of k ln 2.
  const vf small = vf_fma(k, vf_set1(LN_2_LOW), vf_fma(z, vf_set1(-0.5f), vf_fma(vf_mul(f, z), p, rest)));
  return vf_fma(k, vf_set1(LN_2_HIGH), vf_add(f, small));
}

#define LOG_DENORMAL_FACTOR 0x1p24f // raises every denormal to a normal number
#define LOG_DENORMAL_POWER  24.0f   // its logarithm in base 2

// log x of any x, within 2 ulp: of 0 minus infinity, of a negative number NaN.
INLINE_KERNEL vf math_log(vf x) {
  // Denormals are raised. Numbers without a logarithm are replaced by 1 until the end.
  const vm tiny = vf_less(x, vf_set1(FLT_MIN)), positive = vf_less(vf_zero(), x);
  const vf raised = vf_select(tiny, vf_mul(x, vf_set1(LOG_DENORMAL_FACTOR)), x);
  const vf normal = vf_select(vm_and(positive, vf_less(raised, vf_set1(INFINITY))), raised, vf_set1(1.0f));
  // x = 2^k m, first with m in [1, 2), then in [sqrt(1/2), sqrt 2].
  const vf power = vf_exponent(normal), mantissa = vf_scale_by_power(normal, vf_negate(power));
  const vm upper = vf_less(vf_set1(LOG_SQRT_2), mantissa);
  const vf m = vf_select(upper, vf_mul(mantissa, vf_set1(0.5f)), mantissa), k = vf_select(upper, vf_add(power, vf_set1(1.0f)), power);
  const vf y = log_rr2_p11(m, vf_select(tiny, vf_sub(k, vf_set1(LOG_DENORMAL_POWER)), k), vf_zero());
  // 0, infinity, negative numbers, NaN.
  const vf limit = vf_select(vf_equal(x, vf_zero()), vf_set1(-INFINITY), vf_select(positive, x, vf_set1(NAN)));
  return vf_select(vm_and(positive, vf_less(x, vf_set1(INFINITY))), y, vf_select(vf_is_nan(x), x, limit));
}

#endif
