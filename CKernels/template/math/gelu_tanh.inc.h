// The approximation of GELU by a tanh, and its gradient: x (1 + tanh w) / 2 = x sigmoid(v), v = 2 w = 2 sqrt(2 / pi) (x + 0.044715 x^3)
// (Hendrycks and Gimpel 2016).

#ifndef HEED_MATH_GELU_TANH_INC_H
#define HEED_MATH_GELU_TANH_INC_H

#include "template/math/sigmoid.inc.h"

// v = x (GELU_TANH_LINEAR + GELU_TANH_CUBIC x^2), each rounded to float32.
#define GELU_TANH_LINEAR 0x1.988454p+0f // 2 sqrt(2 / pi)
#define GELU_TANH_CUBIC  0x1.2444f2p-4f // 0.044715 of that

// Beyond, the result is below every float, or x; the gradient 0 or 1.
#define GELU_TANH_LIMIT 13.0f

// Of any x, within (2 + 3 |w|) eps, relative.
INLINE_KERNEL vf math_gelu_tanh(vf x) {
  const vf b = vf_max(vf_set1(-GELU_TANH_LIMIT), x);
  const vf v = vf_mul(b, vf_fma(vf_set1(GELU_TANH_CUBIC), vf_mul(b, b), vf_set1(GELU_TANH_LINEAR)));
  return sigmoid_times(v, b);
}

// s + x v' s (1 - s), s = sigmoid(v)
INLINE_KERNEL vf gelu_tanh_backward(vf x, vf d_output) {
  const vf b = vf_min(vf_set1(GELU_TANH_LIMIT), vf_max(vf_set1(-GELU_TANH_LIMIT), x)), z = vf_mul(b, b);
  const vf v = vf_mul(b, vf_fma(vf_set1(GELU_TANH_CUBIC), z, vf_set1(GELU_TANH_LINEAR)));
  return gated_backward(v, vf_mul(b, vf_fma(vf_set1(3 * GELU_TANH_CUBIC), z, vf_set1(GELU_TANH_LINEAR))), d_output);
}

#endif
