// Softplus, log(1 + e^x), and its derivative, the sigmoid.

#ifndef HEED_MATH_SOFTPLUS_INC_H
#define HEED_MATH_SOFTPLUS_INC_H

#include "template/math/exp.inc.h"
#include "template/math/log.inc.h"
#include "template/math/sigmoid.inc.h"

// max(x, 0) + log(1 + t), t = e^-|x|, of any x, within 3 ulp.
INLINE_KERNEL vf math_softplus(vf x) {
  const ExponentialParts e = exp_rr2_t16x2_p3(vf_negate(vf_magnitude(x)));
  // 1 + t = sum + lost, exact (Dekker's fast sum: t <= 1).
  const vf one = vf_set1(1.0f), t = vf_scale_by_power(e.mantissa, e.power), sum = vf_add(one, t), lost = vf_sub(t, vf_sub(sum, one));
  // sum = 2^k m with m in [sqrt(1/2), sqrt 2].
  const vm upper = vf_less(vf_set1(LOG_SQRT_2), sum);
  const vf m = vf_select(upper, vf_mul(sum, vf_set1(0.5f)), sum), k = vf_select(upper, one, vf_zero());
  // log(sum + lost) = log sum + lost / sum, where 1 / sum is 1 - t / 2 closely enough.
  const vf y = log_rr2_p11(m, k, vf_mul(lost, vf_fma(t, vf_set1(-0.5f), one)));
  const vf positive = vf_select(vf_sign_bit(x), vf_zero(), x);
  return vf_select(vf_is_nan(x), x, vf_add(positive, y));
}

INLINE_KERNEL vf softplus_backward(vf x, vf d_output) {
  const LogisticParts s = logistic_parts(x);
  return vf_select(s.negative, times_power(s.mantissa, s.power, d_output), vf_mul(s.larger, d_output));
}

#endif
