// Gradients of activation functions: input gradient <- output gradient * f' (formulas and promises: heed/activation.h).

#include "template/activation.inc.h"

// sigmoid(x) = larger or smaller, 1 - sigmoid(x) the other: 1 / (1 + t) and t / (1 + t), t = e^-|x|, both within 1.5 ulp. The smaller is
// mantissa * 2^floor(power), powers of 2 left for last, so that it keeps its bits beside large factors.
typedef struct LogisticParts {
  vf larger, mantissa, power;
  vm negative;
} LogisticParts;

INLINE_KERNEL LogisticParts logistic_parts(vf x) {
  const ExponentialParts e = exp_rr2_t16x2_p3(vf_negate(vf_magnitude(x)));
  const vf one = vf_set1(1.0f), t = vf_scale_by_power(e.mantissa, e.power), sum = vf_add(one, t);
  const vf lost = vf_sub(t, vf_sub(sum, one)), rough = vf_div(one, sum);
  const vf inverse = vf_fma(rough, vf_sub(vf_fma(vf_negate(sum), rough, one), vf_mul(lost, rough)), rough);
  return (LogisticParts){inverse, vf_mul(e.mantissa, inverse), e.power, vf_sign_bit(x)};
}

// factor * 2^floor(power) * gradient. Only the part of the power that keeps the factor a normal number comes before the product: neither do
// the largest gradients overflow nor denormal factors lose bits.
INLINE_KERNEL vf times_power(vf factor, vf power, vf gradient) {
  const vf before = vf_max(vf_set1(-60.0f), power);
  return vf_scale_by_power(vf_mul(vf_scale_by_power(factor, before), gradient), vf_sub(power, before));
}

// s (1 - s) = t / (1 + t)^2
INLINE_KERNEL vf gradient_sigmoid(vf x, vf gradient) {
  const LogisticParts s = logistic_parts(x);
  return times_power(vf_mul(s.mantissa, s.larger), s.power, gradient);
}

// 1 - tanh(x)^2 = 4 s (1 - s) at 2x
INLINE_KERNEL vf gradient_tanh(vf x, vf gradient) {
  const LogisticParts s = logistic_parts(vf_add(x, x));
  return times_power(vf_mul(s.mantissa, s.larger), vf_add(s.power, vf_set1(2.0f)), gradient);
}

INLINE_KERNEL vf gradient_softplus(vf x, vf gradient) {
  const LogisticParts s = logistic_parts(x);
  return vf_select(s.negative, times_power(s.mantissa, s.power, gradient), vf_mul(s.larger, gradient));
}

// s + slope s (1 - s) = s (1 + slope (1 - s)), s = sigmoid(v); slope v decides the sign of slope.
INLINE_KERNEL vf gradient_gated(vf v, vf slope, vf gradient) {
  const LogisticParts s = logistic_parts(v);
  const vf one = vf_set1(1.0f), other = vf_select(s.negative, s.larger, vf_scale_by_power(s.mantissa, s.power));
  const vf factor = vf_fma(slope, other, one);
  return vf_select(s.negative, times_power(vf_mul(s.mantissa, factor), s.power, gradient), vf_mul(vf_mul(s.larger, factor), gradient));
}

// Beyond 110 the smaller of s and 1 - s is 0 beside the other; infinity would meet it.
INLINE_KERNEL vf gradient_silu(vf x, vf gradient) {
  const vf bounded = vf_min(vf_set1(110.0f), vf_max(vf_set1(-110.0f), x));
  return gradient_gated(bounded, bounded, gradient);
}

// y = x sigmoid(v), v = 2 sqrt(2 / pi) (x + 0.044715 x^3), so y' = s + x v' s (1 - s).
INLINE_KERNEL vf gradient_gelu_tanh(vf x, vf gradient) {
  const vf b = vf_min(vf_set1(13.0f), vf_max(vf_set1(-13.0f), x)), z = vf_mul(b, b);
  const vf v = vf_mul(b, vf_fma(vf_set1(0x1.2444f2p-4f), z, vf_set1(0x1.988454p+0f)));
  return gradient_gated(v, vf_mul(b, vf_fma(vf_set1(3 * 0x1.2444f2p-4f), z, vf_set1(0x1.988454p+0f))), gradient);
}

// With a = |x|, x < 0: Phi(-a) - a phi; else 1 less that.
INLINE_KERNEL vf gradient_gelu_everywhere(vf x, vf gradient) {
  const GeluPart lacking = gelu_slope_lacking(x);
  const vf small = times_power(lacking.factor, lacking.power, gradient);
  const vf large = vf_mul(vf_sub(vf_set1(1.0f), vf_scale_by_power(lacking.factor, lacking.power)), gradient);
  return vf_select(vf_sign_bit(x), small, large);
}

INLINE_KERNEL vf gradient_gelu(vf x, vf gradient) {
#ifdef HEED_HAS_TABLE32
  const vf lacking = gelu_polynomial(gelu_slope_near, x);
  const vf near = vf_mul(vf_select(vf_sign_bit(x), lacking, vf_sub(vf_set1(1.0f), lacking)), gradient);
  const vm far = vf_less(x, vf_set1(-GELU_NEAR));
  return __builtin_expect(vm_any(far), false) ? vf_select(far, gradient_gelu_everywhere(x, gradient), near) : near;
#else
  return gradient_gelu_everywhere(x, gradient);
#endif
}

INLINE_KERNEL vf gradient_exp(vf x, vf gradient) {
  const vf bounded = vf_min(vf_set1(100.0f), vf_max(vf_set1(-110.0f), x));
  const ExponentialParts e = exp_rr2_t16x2_p3_bounded(bounded);
  return vf_mul(vf_scale_by_power(e.mantissa, e.power), gradient);
}

// From x or y alike; what does not pass is 0 whatever arrives.
INLINE_KERNEL vf gradient_relu(vf kept, vf gradient) {
  return vf_select(vf_is_nan(kept), kept, vf_select(vf_less(vf_zero(), kept), gradient, vf_zero()));
}

INLINE_KERNEL vf gradient_from_input(HeedActivation activation, vf x, vf gradient) {
  switch (activation) {
  case HeedActivationNone:
    return gradient;
  case HeedActivationRelu:
    return gradient_relu(x, gradient);
  case HeedActivationSigmoid:
    return gradient_sigmoid(x, gradient);
  case HeedActivationTanh:
    return gradient_tanh(x, gradient);
  case HeedActivationSilu:
    return gradient_silu(x, gradient);
  case HeedActivationGelu:
    return gradient_gelu(x, gradient);
  case HeedActivationGeluTanh:
    return gradient_gelu_tanh(x, gradient);
  case HeedActivationExp:
    return gradient_exp(x, gradient);
  case HeedActivationLog:
    return vf_div(gradient, x);
  case HeedActivationSoftplus:
    return gradient_softplus(x, gradient);
  }
  return gradient;
}

INLINE_KERNEL vf gradient_from_output(HeedActivation activation, vf y, vf gradient) {
  const vf one = vf_set1(1.0f);
  switch (activation) {
  case HeedActivationRelu:
    return gradient_relu(y, gradient);
  case HeedActivationSigmoid:
    return vf_mul(vf_mul(y, vf_sub(one, y)), gradient);
  case HeedActivationTanh: // (1 - y)(1 + y) keeps the bits that 1 - y^2 rounds away
    return vf_mul(vf_mul(vf_sub(one, y), vf_add(one, y)), gradient);
  case HeedActivationExp:
    return vf_mul(y, gradient);
  default:
    return gradient;
  }
}

INLINE_KERNEL void activation_backward_of(const HeedActivation activation, const bool from_output, size_t count, const float *kept,
                                          const float *arriving, float *input_gradient) {
  size_t i = 0;
  for (; i + HEED_LANES <= count; i += HEED_LANES) {
    const vf value = vf_load(kept + i), gradient = vf_load(arriving + i);
    vf_store(input_gradient + i,
             from_output ? gradient_from_output(activation, value, gradient) : gradient_from_input(activation, value, gradient));
  }
  if (i == count) return;
  const vf value = vf_load_n(kept + i, count - i), gradient = vf_load_n(arriving + i, count - i);
  vf_store_n(input_gradient + i,
             from_output ? gradient_from_output(activation, value, gradient) : gradient_from_input(activation, value, gradient), count - i);
}

#define ACTIVATION_BACKWARD(NAME)                                                                                                          \
  case HeedActivation##NAME:                                                                                                               \
    activation_backward_of(HeedActivation##NAME, false, count, kept_values, output_gradient, input_gradient);                              \
    break;

static void activation_backward(HeedActivation activation, HeedActivationKept kept, size_t count, const float *kept_values,
                                const float *output_gradient, float *input_gradient) {
  if (kept == HeedActivationKeptOutput) {
    activation_backward_of(activation, true, count, kept_values, output_gradient, input_gradient);
    return;
  }
  switch (activation) { HEED_EACH_ACTIVATION(ACTIVATION_BACKWARD) }
}
