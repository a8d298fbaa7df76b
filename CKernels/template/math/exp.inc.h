// 2^x and e^x. A name says the algorithm: rr2 a range reduction with ln 2 in two parts, t16 a table of 16 entries, t16x2 one whose entries
// have two parts, p3 a polynomial of degree 3. eps = 2^-23.
//
// The method: base 2, x = n + r; base e, x = n ln 2 + r; n the nearest multiple of 1/16. The fraction of n looks up 2^(i/16), a polynomial
// gives 2^r or e^r, the floor of n goes into the exponent. (Tang, Table-driven implementation of the exponential function, 1989, with
// 1/32.)

#ifndef HEED_MATH_EXP_INC_H
#define HEED_MATH_EXP_INC_H

#include "template/math/ln_2_parts.inc.h"

// The last bit of a float in [2^19, 2^20) is worth 1/16. So x + 1.5 * 2^19, rounded, holds n: as a number after the subtraction, and as an
// integer of sixteenths, 16 n, in its lower bits.
#define EXP_MAGIC 0x1.8p19f

// 2^(i/16), rounded.
static const float heed_exp2_table[16] __attribute__((aligned(64))) = {
    0x1.000000p+0f, 0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fe0p+0f, 0x1.3dea64p+0f, 0x1.4bfdaep+0f, 0x1.5ab07ep+0f,
    0x1.6a09e6p+0f, 0x1.7a1148p+0f, 0x1.8ace54p+0f, 0x1.9c4918p+0f, 0x1.ae89fap+0f, 0x1.c199bep+0f, 0x1.d5818ep+0f, 0x1.ea4afap+0f,
};

// 2^(i/16) - heed_exp2_table[i], rounded: with both parts an entry is known to 2^-49.
static const float heed_exp2_table_rest[16] __attribute__((aligned(64))) = {
    0x0.0p+0f,        0x1.9f3122p-25f,  -0x1.c15742p-27f, 0x1.ceac48p-25f,  0x1.4636e2p-25f, 0x1.824684p-25f,
    -0x1.593abcp-25f, -0x1.5bd5ecp-27f, 0x1.9fcef4p-26f,  -0x1.829fd0p-25f, 0x1.15506ep-27f, 0x1.51f848p-27f,
    -0x1.a94b14p-26f, -0x1.3d56b2p-27f, -0x1.822dbcp-27f, 0x1.52486cp-27f,
};

// 2^r = 1 + r (p[0] + p[1] r + p[2] r^2) for |r| <= 1/32, within 1.7e-9 (0.015 eps), absolute. Remez: the least absolute error of 2^r over
// that interval, its value at 0 held at 1; then each coefficient rounded.
static const float heed_exp2_p3[3] = {0x1.62e430p-1f, 0x1.ebfff4p-3f, 0x1.c6b46ap-5f};

// e^r = 1 + r (p[0] + p[1] r + p[2] r^2) for |r| <= ln 2 / 32, within 9.4e-9 (0.08 eps), relative: Taylor's series.
static const float heed_exp_p3[3] = {1.0f, 0.5f, 0x1.555556p-3f};

#define EXP_LOG2_E 0x1.715476p+0f // rounded to float32

// 2^x for x <= 60, within 1.1 ulp; 0 below `lowest`, minus infinity included. That is -126 or above, so that no result is denormal: a
// multiplication with one takes an Intel processor a hundred times as long. NaN stays NaN.
INLINE_KERNEL vf exp2_t16_p3(const float lowest, vf x) {
  const vm normal = vm_not(vf_less(x, vf_set1(lowest)));
#ifndef HEED_SCALES_DOWN_FROM_ANYWHERE
  x = vf_max(vf_set1(lowest), x);
#endif
  // n: x rounded to a multiple of 1/16.
  const vf magic = vf_set1(EXP_MAGIC);
  const vf shifted = vf_add(x, magic);
  const vf n = vf_sub(shifted, magic);
  // r = x - n, exact.
  const vf r = vf_sub(x, n);
  // 2^(fraction of n).
  const vf entry = vf_table16_down(heed_exp2_table, shifted);
  // (2^r - 1) / r.
  const vf slope = vf_fma(vf_fma(vf_set1(heed_exp2_p3[2]), r, vf_set1(heed_exp2_p3[1])), r, vf_set1(heed_exp2_p3[0]));
  // entry * 2^r, the large part added last, and the rest of n into the exponent.
  return vf_scale_down(normal, vf_fma(vf_mul(entry, r), slope, entry), n);
}

#define EXP_LOWEST (-0x1.5d589ep+6f) // the lowest float above -126 ln 2

// e^x for x <= 40, within 1.1 ulp; 0 where it would be denormal, below EXP_LOWEST, minus infinity included; NaN stays NaN. For kernels that
// promise a bound in the distance from a row's maximum.
INLINE_KERNEL vf exp_rr2_t16_p3(vf x) {
  const vm normal = vm_not(vf_less(x, vf_set1(EXP_LOWEST)));
#ifndef HEED_SCALES_DOWN_FROM_ANYWHERE
  x = vf_max(vf_set1(EXP_LOWEST), x);
#endif
  // n: x log2 e rounded to a multiple of 1/16.
  const vf magic = vf_set1(EXP_MAGIC);
  const vf shifted = vf_fma(x, vf_set1(EXP_LOG2_E), magic);
  const vf n = vf_sub(shifted, magic);
  // r = x - n ln 2. The first difference is exact: no part of x is lost, as it would be by a multiplication with log2 e.
  const vf r = vf_fma(n, vf_set1(-LN_2_LOW), vf_fma(n, vf_set1(-LN_2_HIGH), x));
  // 2^(fraction of n).
  const vf entry = vf_table16_down(heed_exp2_table, shifted);
  // (e^r - 1) / r.
  const vf slope = vf_fma(vf_fma(vf_set1(heed_exp_p3[2]), r, vf_set1(heed_exp_p3[1])), r, vf_set1(heed_exp_p3[0]));
  // entry * e^r, the large part added last, and the rest of n into the exponent.
  return vf_scale_down(normal, vf_fma(vf_mul(entry, r), slope, entry), n);
}

// e^x = mantissa * 2^floor(power).
typedef struct ExponentialParts {
  vf mantissa, power;
} ExponentialParts;

// |x| up to which the parts are right: e^-110 is below every float.
#define EXP_PARTS_LIMIT 110.0f

// e^x for |x| <= EXP_PARTS_LIMIT and NaN, the mantissa within 0.75 ulp: as exp_rr2_t16_p3, but the second part of the entry is added too,
// and the power is left to the caller, who may multiply first.
INLINE_KERNEL ExponentialParts exp_rr2_t16x2_p3_bounded(vf x) {
  const vf magic = vf_set1(EXP_MAGIC);
  const vf shifted = vf_add(vf_mul(x, vf_set1(EXP_LOG2_E)), magic);
  const vf n = vf_sub(shifted, magic);
  const vf r = vf_fma(n, vf_set1(-LN_2_LOW), vf_fma(n, vf_set1(-LN_2_HIGH), x));
  const vf entry = vf_table16(heed_exp2_table, shifted), rest = vf_table16(heed_exp2_table_rest, shifted);
  const vf slope = vf_fma(vf_fma(vf_set1(heed_exp_p3[2]), r, vf_set1(heed_exp_p3[1])), r, vf_set1(heed_exp_p3[0]));
  return (ExponentialParts){vf_add(vf_fma(vf_mul(entry, r), slope, rest), entry), n};
}

// The same for x <= 0 and NaN; below -EXP_PARTS_LIMIT it is as if it were that.
INLINE_KERNEL ExponentialParts exp_rr2_t16x2_p3(vf x) { return exp_rr2_t16x2_p3_bounded(vf_max(vf_set1(-EXP_PARTS_LIMIT), x)); }

#define EXP_HIGHEST 100.0f // e^100 is above every float

// e^x of any x, within 0.75 ulp; a denormal one is rounded once more.
INLINE_KERNEL vf math_exp(vf x) {
  const vf bounded = vf_min(vf_set1(EXP_HIGHEST), vf_max(vf_set1(-EXP_PARTS_LIMIT), x));
  const ExponentialParts e = exp_rr2_t16x2_p3_bounded(bounded);
  return vf_scale_by_power(e.mantissa, e.power);
}

// The derivative, e^x, times d_output. So are all functions of this name.
INLINE_KERNEL vf exp_backward(vf x, vf d_output) { return vf_mul(math_exp(x), d_output); }

#define EXP_POWER_BEFORE (-60.0f) // a factor times 2^-60 is still a normal number

// factor * 2^floor(power) * d_output. Only the part of the power that keeps the factor a normal number comes before the product, so that
// the largest gradients do not overflow and small factors lose no bits.
INLINE_KERNEL vf times_power(vf factor, vf power, vf d_output) {
  const vf before = vf_max(vf_set1(EXP_POWER_BEFORE), power);
  return vf_scale_by_power(vf_mul(vf_scale_by_power(factor, before), d_output), vf_sub(power, before));
}

#endif
