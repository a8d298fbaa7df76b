// e^x for kernels that promise a bound in the distance from the row's maximum. The name tells the algorithm: rr2 a range reduction in two
// steps, t16 a table of 16 entries, p3 a polynomial of degree 3.

#ifndef HEED_EXPONENTIAL_RR2_INC_H
#define HEED_EXPONENTIAL_RR2_INC_H

#include "template/math/exponential.inc.h"

// e^x for x <= 40, within 1.1 ulp; 0 where it would be denormal, below EXP_LOWEST, minus infinity included; NaN stays NaN. x = n ln 2 + r with n
// a multiple of 1/16 (the magic number rounds) and |r| <= ln 2 / 32. The first part of ln 2 has 9 bits, so that its product with n (12 bits) is
// exact without a fused multiply-add too: x itself is never rounded, as it would be on the way to base 2.
#define EXP_LOWEST (-0x1.5d589ep+6f) // the lowest float above -126 ln 2

INLINE_KERNEL vf exp_rr2_t16_p3(vf x) {
  const vm normal = vm_not(vf_less(x, vf_set1(EXP_LOWEST)));
#ifndef HEED_SCALES_DOWN_FROM_ANYWHERE
  x = vf_max(vf_set1(EXP_LOWEST), x);
#endif
  const vf magic = vf_set1(0x1.8p19f);
  const vf shifted = vf_fma(x, vf_set1(0x1.715476p+0f), magic);
  const vf n = vf_sub(shifted, magic);
  const vf r = vf_fma(n, vf_set1(0x1.bd0106p-13f), vf_fma(n, vf_set1(-0x1.63p-1f), x));
  const vf entry = vf_table16_down(heed_exp2_table, shifted);
  const vf slope = vf_fma(vf_fma(vf_set1(0x1.555556p-3f), r, vf_set1(0.5f)), r, vf_set1(1.0f));
  return vf_scale_down(normal, vf_fma(vf_mul(entry, r), slope, entry), n);
}

#endif
