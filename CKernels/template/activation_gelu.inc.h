// What GELU and its gradient lack of their limits, in two ways: with tables of 32 entries where an instruction looks one up, else by a
// division.

// factor * 2^floor(power)
typedef struct GeluPart {
  vf factor, power;
} GeluPart;

#ifdef HEED_HAS_TABLE32

#include "activation_gelu_tables.inc.h"

// 2^(i/16) / 2
static const float gelu_half_exp2_table[16] __attribute__((aligned(64))) = {
    0x1.000000p-1f, 0x1.0b5586p-1f, 0x1.172b84p-1f, 0x1.2387a6p-1f, 0x1.306fe0p-1f, 0x1.3dea64p-1f, 0x1.4bfdaep-1f, 0x1.5ab07ep-1f,
    0x1.6a09e6p-1f, 0x1.7a1148p-1f, 0x1.8ace54p-1f, 0x1.9c4918p-1f, 0x1.ae89fap-1f, 0x1.c199bep-1f, 0x1.d5818ep-1f, 0x1.ea4afap-1f,
};

// 2^p, p <= 0, times what the table has for 0: as exp2_t16_p3.
INLINE_KERNEL GeluPart gelu_exp2_t16_p3(const float *table, vf p) {
  const vf magic = vf_set1(0x1.8p19f), shifted = vf_add(p, magic), n = vf_sub(shifted, magic), r = vf_sub(p, n);
  const vf entry = vf_table16(table, shifted);
  const vf slope = vf_fma(vf_fma(vf_set1(0x1.c6b46ap-5f), r, vf_set1(0x1.ebfff4p-3f)), r, vf_set1(0x1.62e430p-1f));
  return (GeluPart){vf_fma(vf_mul(entry, r), slope, entry), n};
}

INLINE_KERNEL vf gelu_polynomial(const float c[5][32], vf index, vf a) {
  vf p = vf_fma(vf_table32(c[4], index), a, vf_table32(c[3], index));
  p = vf_fma(p, a, vf_table32(c[2], index));
  p = vf_fma(p, a, vf_table32(c[1], index));
  return vf_fma(p, a, vf_table32(c[0], index));
}

// log2 e / 2, rounded as the tables have it.
#define GELU_HALF_LOG2_E 0x1.715476p-1f

// a Phi(-a), a = |x|; from 14.5 on it is below every float.
INLINE_KERNEL GeluPart gelu_lacking(vf x) {
  const vf a = vf_min(vf_set1(14.5f), vf_magnitude(x)), index = vf_fma(a, vf_set1(2.17f), vf_set1(0x1.8p23f));
  // The square with what its rounding lost: that alone would be a third of the bound.
  const vf square = vf_mul(a, a), lost = vf_fma(a, a, vf_sub(vf_zero(), square)), factor = vf_set1(-GELU_HALF_LOG2_E);
  const vf p = vf_fma(square, factor, vf_fma(lost, factor, gelu_polynomial(gelu_log, index, a)));
  const GeluPart e = gelu_exp2_t16_p3(gelu_half_exp2_table, p);
  return (GeluPart){vf_mul(a, e.factor), e.power};
}

// Phi(-a) - a phi(a), a = |x|; from 14.9 on it is below every float.
INLINE_KERNEL GeluPart gelu_slope_lacking(vf x) {
  const vf a = vf_min(vf_set1(14.9f), vf_magnitude(x)), index = vf_eighths(vf_add(a, vf_set1(1.0f)));
  const GeluPart e = gelu_exp2_t16_p3(heed_exp2_table, vf_mul(vf_mul(a, a), vf_set1(-GELU_HALF_LOG2_E)));
  return (GeluPart){vf_mul(gelu_polynomial(gelu_slope, index, a), e.factor), e.power};
}

#else

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

INLINE_KERNEL GeluPart gelu_lacking(vf x) {
  const GeluParts g = gelu_parts(x);
  return (GeluPart){vf_mul(g.magnitude, vf_mul(g.ratio, g.mantissa)), g.power};
}

// Phi(-a) = e M, phi = e / sqrt(2 pi)
INLINE_KERNEL GeluPart gelu_slope_lacking(vf x) {
  const GeluParts g = gelu_parts(x);
  return (GeluPart){vf_mul(g.mantissa, vf_fma(g.magnitude, vf_set1(-0x1.988454p-2f), g.ratio)), g.power};
}

#endif
