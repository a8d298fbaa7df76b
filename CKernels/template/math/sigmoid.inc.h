// The logistic sigmoid, SiLU, and their gradients: all from t = e^-|x|, 1 / (1 + t) for x >= 0 and t / (1 + t) below.

#ifndef HEED_MATH_SIGMOID_INC_H
#define HEED_MATH_SIGMOID_INC_H

#include "template/math/exp.inc.h"

// sigmoid(x) = larger or smaller, 1 - sigmoid(x) the other, both within 1.5 ulp. The smaller is mantissa * 2^floor(power): powers of 2 are
// left for last, so that it keeps its bits despite large factors.
typedef struct LogisticParts {
  vf larger, mantissa, power;
  vm negative;
} LogisticParts;

INLINE_KERNEL LogisticParts logistic_parts(vf x) {
  const ExponentialParts e = exp_rr2_t16x2_p3(vf_negate(vf_magnitude(x)));
  // The rounding error of the sum, exact (Dekker's fast sum: t <= 1).
  const vf one = vf_set1(1.0f), t = vf_scale_by_power(e.mantissa, e.power), sum = vf_add(one, t);
  const vf lost = vf_sub(t, vf_sub(sum, one)), rough = vf_div(one, sum);
  // One Newton step from 1 / sum to 1 / (sum + lost): rough + rough (1 - (sum + lost) rough).
  const vf inverse = vf_fma(rough, vf_sub(vf_fma(vf_negate(sum), rough, one), vf_mul(lost, rough)), rough);
  return (LogisticParts){inverse, vf_mul(e.mantissa, inverse), e.power, vf_sign_bit(x)};
}

// factor * sigmoid(x); a small sigmoid times a large factor keeps its bits.
INLINE_KERNEL vf sigmoid_times(vf x, vf factor) {
  const vm negative = vf_sign_bit(x);
  const LogisticParts s = logistic_parts(x);
  const vf small = vf_scale_by_power(vf_mul(s.mantissa, factor), s.power);
  return vf_select(negative, small, vf_mul(s.larger, factor));
}

// sigmoid(x) of any x, within 2 ulp.
INLINE_KERNEL vf math_sigmoid(vf x) { return sigmoid_times(x, vf_set1(1.0f)); }

// sigmoid(x) (1 - sigmoid(x)) = sigmoid(-|x|) sigmoid(|x|), which has all its digits where 1 - sigmoid(x) has lost them.
INLINE_KERNEL vf sigmoid_derivative(vf x) {
  const vf a = vf_magnitude(x);
  return sigmoid_times(vf_negate(a), math_sigmoid(a));
}

// s (1 - s) = t / (1 + t)^2
INLINE_KERNEL vf sigmoid_backward(vf x, vf d_output) {
  const LogisticParts s = logistic_parts(x);
  return times_power(vf_mul(s.mantissa, s.larger), s.power, d_output);
}

// The derivative of x sigmoid(v), times d_output: s + x v' s (1 - s) = s (1 + x v' (1 - s)), s = sigmoid(v). x_dv = x v' has the sign of v.
INLINE_KERNEL vf gated_backward(vf v, vf x_dv, vf d_output) {
  const LogisticParts s = logistic_parts(v);
  const vf one = vf_set1(1.0f), other = vf_select(s.negative, s.larger, vf_scale_by_power(s.mantissa, s.power));
  const vf factor = vf_fma(x_dv, other, one);
  return vf_select(s.negative, times_power(vf_mul(s.mantissa, factor), s.power, d_output), vf_mul(vf_mul(s.larger, factor), d_output));
}

#define SILU_LOWEST (-120.0f) // from here down x sigmoid(x) is -0; minus infinity would meet a sigmoid of 0

// x sigmoid(x) of any x, within 3 ulp.
INLINE_KERNEL vf math_silu(vf x) { return sigmoid_times(x, vf_max(vf_set1(SILU_LOWEST), x)); }

#define SILU_GRADIENT_LIMIT 110.0f // beyond it, the smaller of s and 1 - s is 0, and infinity times 0 would be NaN

INLINE_KERNEL vf silu_backward(vf x, vf d_output) {
  const vf bounded = vf_min(vf_set1(SILU_GRADIENT_LIMIT), vf_max(vf_set1(-SILU_GRADIENT_LIMIT), x));
  return gated_backward(bounded, bounded, d_output);
}

#endif
