// GELU, x Phi(x), and its derivative, Phi(x) + x phi(x): Phi the normal distribution, phi its density.
//
// With a = |x|, both are computed from their distances to their limits, which are small numbers and keep their digits:
//   x Phi(x)           = max(x, 0) - c,    c = a Phi(-a)
//   Phi(x) + x phi(x)  = d for x < 0, else 1 - d,    d = Phi(-a) - a phi(a)
// Up to GELU_NEAR, c and d are polynomials by intervals (t16_p7); beyond, a division and an exponential give Mills' ratio (mills_p9).

#ifndef HEED_MATH_GELU_INC_H
#define HEED_MATH_GELU_INC_H

#include "template/math/exp.inc.h"
#include "template/math/gelu_tables.inc.h"

// Phi(-a) e^(a^2 / 2), which is Mills' ratio over sqrt(2 pi), as a polynomial in t = a / (a + MILLS_POLE). For a <= 15 its relative error
// is at most 0.041 (2 + a^2 / 2) eps; from 14.4 on GELU is below every float. How the coefficients were fitted is not on record. Remez for
// the least relative error over (2 + a^2 / 2) on that interval, the value at 0 held at 1/2, gives 0.039 and the same first three
// coefficients; the others differ, the last one by one part in 200.
#define MILLS_POLE 3.5f
static const float heed_mills_p9[10] = {
    0x1p-1f,        -0x1.6573d4p+0f, 0x1.aa8e48p+0f,  -0x1.f25db2p-1f, 0x1.1d9a26p-4f,
    0x1.5fa18cp-3f, 0x1.80cd04p-5f,  -0x1.134bdep-3f, 0x1.b2a1c4p-5f,  -0x1.d26c3ep-9f,
};

#define GELU_FARTHEST     20.0f          // from here on Phi(-a) is below every float
#define GELU_DENSITY_AT_0 0x1.988454p-2f // phi(0) = 1 / sqrt(2 pi)

// factor * 2^floor(power)
typedef struct GeluPart {
  vf factor, power;
} GeluPart;

// With a = |x|, GELU_FARTHEST at most: Phi(-a) = ratio * mantissa * 2^floor(power), the last two e^(-a^2 / 2). The ratio, rounded, is
// within 4 + 0.45 a^2 ulp for a <= 15.
typedef struct GeluParts {
  vf magnitude, ratio, mantissa, power;
} GeluParts;

INLINE_KERNEL GeluParts gelu_mills_p9(vf x) {
  const vf a = vf_min(vf_set1(GELU_FARTHEST), vf_magnitude(x)), t = vf_div(a, vf_add(a, vf_set1(MILLS_POLE)));
  vf p = vf_fma(vf_set1(heed_mills_p9[9]), t, vf_set1(heed_mills_p9[8]));
  p = vf_fma(p, t, vf_set1(heed_mills_p9[7]));
  p = vf_fma(p, t, vf_set1(heed_mills_p9[6]));
  p = vf_fma(p, t, vf_set1(heed_mills_p9[5]));
  p = vf_fma(p, t, vf_set1(heed_mills_p9[4]));
  p = vf_fma(p, t, vf_set1(heed_mills_p9[3]));
  p = vf_fma(p, t, vf_set1(heed_mills_p9[2]));
  // The last two cancel: a second rounding in each would be felt.
  p = vf_fma_rounded_once(p, t, vf_set1(heed_mills_p9[1]));
  p = vf_fma_rounded_once(p, t, vf_set1(heed_mills_p9[0]));
  const ExponentialParts e = exp_rr2_t16x2_p3(vf_mul(vf_mul(a, a), vf_set1(-0.5f)));
  return (GeluParts){a, p, e.mantissa, e.power};
}

// c = a Phi(-a)
INLINE_KERNEL GeluPart gelu_complement(vf x) {
  const GeluParts g = gelu_mills_p9(x);
  return (GeluPart){vf_mul(g.magnitude, vf_mul(g.ratio, g.mantissa)), g.power};
}

// d = Phi(-a) - a phi(a) = e^(-a^2 / 2) (ratio - a / sqrt(2 pi))
INLINE_KERNEL GeluPart gelu_derivative_complement(vf x) {
  const GeluParts g = gelu_mills_p9(x);
  return (GeluPart){vf_mul(g.mantissa, vf_fma(g.magnitude, vf_set1(-GELU_DENSITY_AT_0), g.ratio)), g.power};
}

// Of any x, within (2 + x^2 / 2) eps, relative. Powers of 2 come last, so that the small results for x < 0 keep their bits.
INLINE_KERNEL vf gelu_everywhere(vf x) {
  const GeluPart c = gelu_complement(x);
  return vf_sub(vf_max(vf_set1(-0.0f), x), vf_scale_by_power(c.factor, c.power));
}

// Of any x, within (3 + x^2) eps of Phi + |x| phi.
INLINE_KERNEL vf gelu_backward_everywhere(vf x, vf d_output) {
  const GeluPart d = gelu_derivative_complement(x);
  const vf small = times_power(d.factor, d.power, d_output);
  const vf large = vf_mul(vf_sub(vf_set1(1.0f), vf_scale_by_power(d.factor, d.power)), d_output);
  return vf_select(vf_sign_bit(x), small, large);
}

// The last bit of a float in [2^23, 2^24) is worth 1: the sum with 1.5 * 2^23 rounds to an integer, which its lower bits hold.
#define GELU_MAGIC 0x1.8p23f

// The polynomial of the interval that |x| is in; beyond GELU_NEAR the last one's end.
INLINE_KERNEL vf gelu_t16_p7(const float c[8][16], vf x) {
  // i = a / interval, rounded; r = a - i interval, exact: the interval has 2 bits.
  const vf a = vf_min(vf_set1(GELU_NEAR), vf_magnitude(x)), magic = vf_set1(GELU_MAGIC);
  const vf index = vf_fma(a, vf_set1(1 / GELU_INTERVAL), magic), r = vf_fma(vf_sub(index, magic), vf_set1(-GELU_INTERVAL), a);
  vf p = vf_fma(vf_table16(c[7], index), r, vf_table16(c[6], index));
  p = vf_fma(p, r, vf_table16(c[5], index));
  p = vf_fma(p, r, vf_table16(c[4], index));
  p = vf_fma(p, r, vf_table16(c[3], index));
  p = vf_fma(p, r, vf_table16(c[2], index));
  p = vf_fma(p, r, vf_table16(c[1], index));
  return vf_fma(p, r, vf_table16(c[0], index));
}

// Of any x, within (2 + x^2 / 2) eps, relative. Which formula a lane has depends on its own number only.
INLINE_KERNEL vf math_gelu(vf x) {
  const vf near = vf_sub(vf_max(vf_set1(-0.0f), x), gelu_t16_p7(heed_gelu_complement_p7, x));
  const vm far = vf_less(x, vf_set1(-GELU_NEAR));
  return __builtin_expect(vm_any(far), false) ? vf_select(far, gelu_everywhere(x), near) : near;
}

INLINE_KERNEL vf gelu_backward(vf x, vf d_output) {
  const vf d = gelu_t16_p7(heed_gelu_derivative_complement_p7, x);
  const vf near = vf_mul(vf_select(vf_sign_bit(x), d, vf_sub(vf_set1(1.0f), d)), d_output);
  const vm far = vf_less(x, vf_set1(-GELU_NEAR));
  return __builtin_expect(vm_any(far), false) ? vf_select(far, gelu_backward_everywhere(x, d_output), near) : near;
}

#endif
