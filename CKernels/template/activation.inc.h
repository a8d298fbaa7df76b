// Activation functions of a vector (formulas and promises: include/activation.h).

#ifndef HEED_ACTIVATION_INC_H
#define HEED_ACTIVATION_INC_H

#include "exponential.inc.h"

// What 2^(i/16) lacks of the entry of heed_exp2_table.
static const float heed_exp2_table_rest[16] __attribute__((aligned(64))) = {
    0x0.0p+0f,        0x1.9f3122p-25f,  -0x1.c15742p-27f, 0x1.ceac48p-25f,  0x1.4636e2p-25f, 0x1.824684p-25f,
    -0x1.593abcp-25f, -0x1.5bd5ecp-27f, 0x1.9fcef4p-26f,  -0x1.829fd0p-25f, 0x1.15506ep-27f, 0x1.51f848p-27f,
    -0x1.a94b14p-26f, -0x1.3d56b2p-27f, -0x1.822dbcp-27f, 0x1.52486cp-27f,
};

// e^x = mantissa * 2^floor(power).
typedef struct ExponentialParts {
  vf mantissa, power;
} ExponentialParts;

// For x <= 0 as exp_rr2_t16_p3, with the table's own rounding made good: within 0.6 ulp.
INLINE_KERNEL ExponentialParts exp_rr2_t16x2_p3(vf x) {
  x = vf_max(vf_set1(-110.0f), x);
  const vf magic = vf_set1(0x1.8p19f);
  const vf shifted = vf_add(vf_mul(x, vf_set1(0x1.715476p+0f)), magic);
  const vf n = vf_sub(shifted, magic);
  const vf r = vf_fma(n, vf_set1(0x1.bd0106p-13f), vf_fma(n, vf_set1(-0x1.63p-1f), x));
  const vf entry = vf_table16(heed_exp2_table, shifted), rest = vf_table16(heed_exp2_table_rest, shifted);
  const vf slope = vf_fma(vf_fma(vf_set1(0x1.555556p-3f), r, vf_set1(0.5f)), r, vf_set1(1.0f));
  return (ExponentialParts){vf_add(vf_fma(vf_mul(entry, r), slope, rest), entry), n};
}

INLINE_KERNEL vf vf_negate(vf x) { return vf_mul(x, vf_set1(-1.0f)); }
INLINE_KERNEL vf vf_magnitude(vf x) { return vf_select(vf_sign_bit(x), vf_negate(x), x); }

// factor * sigmoid(x). With t = e^-|x|: 1 / (1 + t) or t / (1 + t). What 1 + t rounds away is brought back, and powers of 2 come last, so that
// a small sigmoid times a large factor keeps its bits.
INLINE_KERNEL vf sigmoid_times(vf x, vf factor) {
  const vm negative = vf_sign_bit(x);
  const ExponentialParts e = exp_rr2_t16x2_p3(vf_negate(vf_magnitude(x)));
  const vf one = vf_set1(1.0f), t = vf_scale_by_power(e.mantissa, e.power), sum = vf_add(one, t);
  const vf lost = vf_sub(t, vf_sub(sum, one)), rough = vf_div(one, sum);
  const vf inverse = vf_fma(rough, vf_sub(vf_fma(vf_negate(sum), rough, one), vf_mul(lost, rough)), rough);
  const vf small = vf_scale_by_power(vf_mul(vf_mul(e.mantissa, inverse), factor), e.power);
  return vf_select(negative, small, vf_mul(inverse, factor));
}

INLINE_KERNEL vf activation_sigmoid(vf x) { return sigmoid_times(x, vf_set1(1.0f)); }

// Minus infinity would meet a sigmoid of 0: from -120 down the result is -0.
INLINE_KERNEL vf activation_silu(vf x) { return sigmoid_times(x, vf_max(vf_set1(-120.0f), x)); }

// Below 0.55 x + x^3 P(x^2), above 1 - 2 t / (1 + t) with t = e^-2|x|.
INLINE_KERNEL vf activation_tanh(vf x) {
  const vm negative = vf_sign_bit(x);
  const vf one = vf_set1(1.0f), a = vf_magnitude(x), z = vf_mul(a, a);
  vf p = vf_fma(vf_set1(-0x1.9b3046p-8f), z, vf_set1(0x1.593d08p-6f));
  p = vf_fma(p, z, vf_set1(-0x1.b9287ap-5f));
  p = vf_fma(p, z, vf_set1(0x1.110d26p-3f));
  p = vf_fma(p, z, vf_set1(-0x1.55554ap-2f));
  const vf near = vf_fma(vf_mul(a, z), p, a);
  const ExponentialParts e = exp_rr2_t16x2_p3(vf_mul(a, vf_set1(-2.0f)));
  const vf t = vf_scale_by_power(e.mantissa, e.power), sum = vf_add(one, t), lost = vf_sub(t, vf_sub(sum, one));
  const vf quotient = vf_div(vf_add(t, t), sum);
  // 2t / (sum + lost) = q - q lost / (1 + t), and 1 / (1 + t) = 1 - q / 2
  const vf correction = vf_mul(vf_mul(quotient, lost), vf_fma(quotient, vf_set1(-0.5f), one));
  const vf far = vf_add(vf_sub(one, quotient), correction);
  const vf magnitude = vf_select(vf_less(a, vf_set1(0.55f)), near, far);
  return vf_select(negative, vf_negate(magnitude), magnitude);
}

// For |x| < 0.7 x (1/2 + x P(x^2)); beyond, with a = |x|, Phi(-a) = e^(-a^2 / 2) S(a) / a, S a polynomial in (a - 3) / (a + 3).
INLINE_KERNEL vf activation_gelu(vf x) {
  const vf a = vf_min(vf_set1(20.0f), vf_magnitude(x)), z = vf_mul(a, a);
  vf p = vf_fma(vf_set1(0x1.b093c8p-14f), z, vf_set1(-0x1.35a5dcp-10f));
  p = vf_fma(p, z, vf_set1(0x1.46c4dap-7f));
  p = vf_fma(p, z, vf_set1(-0x1.105816p-4f));
  p = vf_fma(p, z, vf_set1(0x1.988454p-2f));
  const vf near = vf_mul(x, vf_fma(x, p, vf_set1(0.5f)));
  const vf t = vf_div(vf_sub(a, vf_set1(3.0f)), vf_add(a, vf_set1(3.0f)));
  vf s = vf_fma(vf_set1(-0x1.1b67e2p-11f), t, vf_set1(-0x1.4211ccp-15f));
  s = vf_fma(s, t, vf_set1(0x1.038cc4p-8f));
  s = vf_fma(s, t, vf_set1(-0x1.c7adf2p-10f));
  s = vf_fma(s, t, vf_set1(-0x1.d8cae4p-6f));
  s = vf_fma(s, t, vf_set1(0x1.764774p-4f));
  s = vf_fma(s, t, vf_set1(-0x1.1e04bap-3f));
  s = vf_fma(s, t, vf_set1(0x1.c20d32p-4f));
  s = vf_fma(s, t, vf_set1(0x1.754a76p-2f));
  const ExponentialParts e = exp_rr2_t16x2_p3(vf_mul(z, vf_set1(-0.5f)));
  const vf tail = vf_scale_by_power(vf_mul(s, e.mantissa), e.power);
  const vf far = vf_select(vf_sign_bit(x), vf_negate(tail), vf_sub(x, tail));
  const vf y = vf_select(vf_less(a, vf_set1(0.7f)), near, far);
  return vf_select(vf_is_nan(x), x, y);
}

// Below -13 the result is below every float.
INLINE_KERNEL vf activation_gelu_tanh(vf x) {
  const vf b = vf_max(vf_set1(-13.0f), x);
  const vf v = vf_mul(b, vf_fma(vf_set1(0x1.2444f2p-4f), vf_mul(b, b), vf_set1(0x1.988454p+0f)));
  return sigmoid_times(v, b);
}

// +0 for -0.
INLINE_KERNEL vf activation_relu(vf x) { return vf_add(vf_max(vf_zero(), x), vf_zero()); }

INLINE_KERNEL vf activate(HeedActivation activation, vf x) {
  switch (activation) {
  case HeedActivationNone:
    return x;
  case HeedActivationRelu:
    return activation_relu(x);
  case HeedActivationSigmoid:
    return activation_sigmoid(x);
  case HeedActivationTanh:
    return activation_tanh(x);
  case HeedActivationSilu:
    return activation_silu(x);
  case HeedActivationGelu:
    return activation_gelu(x);
  case HeedActivationGeluTanh:
    return activation_gelu_tanh(x);
  }
  return x;
}

static void activation_forward(HeedActivation activation, size_t count, const float *input, float *output) {
  for (size_t i = 0; i < count; i += HEED_LANES) vf_store_n(output + i, activate(activation, vf_load_n(input + i, count - i)), count - i);
}

#endif
