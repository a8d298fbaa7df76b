// The hyperbolic tangent and its gradient. The name says the algorithm: p11 an odd polynomial of degree 11.

#ifndef HEED_MATH_TANH_INC_H
#define HEED_MATH_TANH_INC_H

#include "template/math/exp.inc.h"
#include "template/math/sigmoid.inc.h"

// tanh x = x + x^3 P(x^2) for |x| <= TANH_NEAR, within 4.4e-9 (0.04 eps), relative. Remez: the least relative error of tanh over that
// interval, 1.05e-9; the rest is the rounding of the coefficients.
#define TANH_NEAR 0.55f
static const float heed_tanh_p4[5] = {-0x1.55554ap-2f, 0x1.110d26p-3f, -0x1.b9287ap-5f, 0x1.593d08p-6f, -0x1.9b3046p-8f};

// For |x| <= TANH_NEAR, within 0.9 ulp.
INLINE_KERNEL vf tanh_p11(vf x) {
  const vf z = vf_mul(x, x);
  vf p = vf_fma(vf_set1(heed_tanh_p4[4]), z, vf_set1(heed_tanh_p4[3]));
  p = vf_fma(p, z, vf_set1(heed_tanh_p4[2]));
  p = vf_fma(p, z, vf_set1(heed_tanh_p4[1]));
  p = vf_fma(p, z, vf_set1(heed_tanh_p4[0]));
  return vf_fma(vf_mul(x, z), p, x);
}

// tanh x of any x, within 2 ulp: below TANH_NEAR the polynomial, above 1 - q, q = 2 t / (1 + t), with t = e^-2|x|. The derivative is 1 -
// y^2: above TANH_NEAR (1 - y) (1 + y) = q (2 - q), which has all its digits where y has been rounded to 1.
INLINE_KERNEL vf tanh_and_derivative(vf x, vf *derivative) {
  const vm negative = vf_sign_bit(x);
  const vf one = vf_set1(1.0f), a = vf_magnitude(x), near = tanh_p11(a);
  const ExponentialParts e = exp_rr2_t16x2_p3(vf_mul(a, vf_set1(-2.0f)));
  // 1 + t = sum + lost, exact (Dekker's fast sum: t <= 1).
  const vf t = vf_scale_by_power(e.mantissa, e.power), sum = vf_add(one, t), lost = vf_sub(t, vf_sub(sum, one));
  const vf quotient = vf_div(vf_add(t, t), sum);
  // 2t / (sum + lost) = q - q lost / (1 + t), and 1 / (1 + t) = 1 - q / 2
  const vf correction = vf_mul(vf_mul(quotient, lost), vf_fma(quotient, vf_set1(-0.5f), one));
  const vf far = vf_add(vf_sub(one, quotient), correction);
  const vm is_near = vf_less(a, vf_set1(TANH_NEAR));
  const vf magnitude = vf_select(is_near, near, far);
  *derivative = vf_select(is_near, vf_fma(vf_negate(near), near, one), vf_mul(quotient, vf_sub(vf_set1(2.0f), quotient)));
  return vf_select(negative, vf_negate(magnitude), magnitude);
}

INLINE_KERNEL vf math_tanh(vf x) {
  vf derivative;
  return tanh_and_derivative(x, &derivative);
}

// 1 - tanh(x)^2 = 4 s (1 - s), s = sigmoid(2x)
INLINE_KERNEL vf tanh_backward(vf x, vf d_output) {
  const LogisticParts s = logistic_parts(vf_add(x, x));
  return times_power(vf_mul(s.mantissa, s.larger), vf_add(s.power, vf_set1(2.0f)), d_output);
}

#endif
