// What GELU and its gradient lack of their limits: near 0 by tables of polynomials where an instruction looks up one of 32 entries, else by a
// division and a power of 2.

// factor * 2^floor(power)
typedef struct GeluPart {
  vf factor, power;
} GeluPart;

// With a = |x| (20 at most: then Phi(-a) is below every float): Phi(-a) = ratio * mantissa * 2^floor(power), the powers those of
// e^(-a^2 / 2), the ratio (Mills' over sqrt(2 pi)) a polynomial in a / (a + 3.5), exact at 0.
typedef struct GeluParts {
  vf magnitude, ratio, mantissa, power;
} GeluParts;

INLINE_KERNEL GeluParts gelu_parts(vf x) {
  const vf a = vf_min(vf_set1(20.0f), vf_magnitude(x)), t = vf_div(a, vf_add(a, vf_set1(3.5f)));
  vf p = vf_fma(vf_set1(-0x1.d26c3ep-9f), t, vf_set1(0x1.b2a1c4p-5f));
  p = vf_fma(p, t, vf_set1(-0x1.134bdep-3f));
  p = vf_fma(p, t, vf_set1(0x1.80cd04p-5f));
  p = vf_fma(p, t, vf_set1(0x1.5fa18cp-3f));
  p = vf_fma(p, t, vf_set1(0x1.1d9a26p-4f));
  p = vf_fma(p, t, vf_set1(-0x1.f25db2p-1f));
  p = vf_fma(p, t, vf_set1(0x1.aa8e48p+0f));
  // The last two cancel: a second rounding in each would be felt.
  p = vf_fma_rounded_once(p, t, vf_set1(-0x1.6573d4p+0f));
  p = vf_fma_rounded_once(p, t, vf_set1(0x1.p-1f));
  const ExponentialParts e = exp_rr2_t16x2_p3(vf_mul(vf_mul(a, a), vf_set1(-0.5f)));
  return (GeluParts){a, p, e.mantissa, e.power};
}

// a Phi(-a), a = |x|
INLINE_KERNEL GeluPart gelu_lacking(vf x) {
  const GeluParts g = gelu_parts(x);
  return (GeluPart){vf_mul(g.magnitude, vf_mul(g.ratio, g.mantissa)), g.power};
}

// Phi(-a) - a phi(a), Phi(-a) = e M, phi = e / sqrt(2 pi)
INLINE_KERNEL GeluPart gelu_slope_lacking(vf x) {
  const GeluParts g = gelu_parts(x);
  return (GeluPart){vf_mul(g.mantissa, vf_fma(g.magnitude, vf_set1(-0x1.988454p-2f), g.ratio)), g.power};
}

#ifdef HEED_HAS_TABLE32

#include "template/math/activation_gelu_tables.inc.h"

// The polynomial of the interval that |x| is in; beyond GELU_NEAR the last one's end.
INLINE_KERNEL vf gelu_polynomial(const float c[6][32], vf x) {
  const vf a = vf_min(vf_set1(GELU_NEAR), vf_magnitude(x)), magic = vf_set1(0x1.8p23f);
  const vf index = vf_fma(a, vf_set1(1 / GELU_INTERVAL), magic), r = vf_fma(vf_sub(index, magic), vf_set1(-GELU_INTERVAL), a);
  vf p = vf_fma(vf_table32(c[5], index), r, vf_table32(c[4], index));
  p = vf_fma(p, r, vf_table32(c[3], index));
  p = vf_fma(p, r, vf_table32(c[2], index));
  p = vf_fma(p, r, vf_table32(c[1], index));
  return vf_fma(p, r, vf_table32(c[0], index));
}

#endif
