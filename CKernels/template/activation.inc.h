// Activation functions of a vector (formulas and promises: heed/activation.h).

#ifndef HEED_ACTIVATION_INC_H
#define HEED_ACTIVATION_INC_H

#include "template/math/exponential.inc.h"

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

// As exp_rr2_t16_p3, for -110 <= x <= 110 and NaN, with the table's own rounding made good: within 0.6 ulp.
INLINE_KERNEL ExponentialParts exp_rr2_t16x2_p3_bounded(vf x) {
  const vf magic = vf_set1(0x1.8p19f);
  const vf shifted = vf_add(vf_mul(x, vf_set1(0x1.715476p+0f)), magic);
  const vf n = vf_sub(shifted, magic);
  const vf r = vf_fma(n, vf_set1(0x1.bd0106p-13f), vf_fma(n, vf_set1(-0x1.63p-1f), x));
  const vf entry = vf_table16(heed_exp2_table, shifted), rest = vf_table16(heed_exp2_table_rest, shifted);
  const vf slope = vf_fma(vf_fma(vf_set1(0x1.555556p-3f), r, vf_set1(0.5f)), r, vf_set1(1.0f));
  return (ExponentialParts){vf_add(vf_fma(vf_mul(entry, r), slope, rest), entry), n};
}

// The same for x <= 0 and NaN; below -110 it is as if it were -110, where e^x is below every float.
INLINE_KERNEL ExponentialParts exp_rr2_t16x2_p3(vf x) { return exp_rr2_t16x2_p3_bounded(vf_max(vf_set1(-110.0f), x)); }

INLINE_KERNEL vf vf_negate(vf x) { return vf_mul(x, vf_set1(-1.0f)); }

// factor * sigmoid(x). With t = e^-|x|: 1 / (1 + t) or t / (1 + t). What 1 + t rounds away is brought back, and powers of 2 come last, so
// that a small sigmoid times a large factor keeps its bits.
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

// sigmoid(x) (1 - sigmoid(x)) = sigmoid(-|x|) sigmoid(|x|), which has all its digits where 1 - sigmoid(x) has lost them.
INLINE_KERNEL vf sigmoid_slope(vf x) {
  const vf a = vf_magnitude(x);
  return sigmoid_times(vf_negate(a), activation_sigmoid(a));
}

// Minus infinity would meet a sigmoid of 0: from -120 down the result is -0.
INLINE_KERNEL vf activation_silu(vf x) { return sigmoid_times(x, vf_max(vf_set1(-120.0f), x)); }

// tanh for |x| <= 0.55: x + x^3 P(x^2).
INLINE_KERNEL vf tanh_near(vf x) {
  const vf z = vf_mul(x, x);
  vf p = vf_fma(vf_set1(-0x1.9b3046p-8f), z, vf_set1(0x1.593d08p-6f));
  p = vf_fma(p, z, vf_set1(-0x1.b9287ap-5f));
  p = vf_fma(p, z, vf_set1(0x1.110d26p-3f));
  p = vf_fma(p, z, vf_set1(-0x1.55554ap-2f));
  return vf_fma(vf_mul(x, z), p, x);
}

// Below 0.55 the polynomial, above 1 - q, q = 2 t / (1 + t), with t = e^-2|x|. The slope is 1 - y^2: there (1 - y) (1 + y) = q (2 - q), which has
// all its digits where y has been rounded to 1.
INLINE_KERNEL vf tanh_and_slope(vf x, vf *slope) {
  const vm negative = vf_sign_bit(x);
  const vf one = vf_set1(1.0f), a = vf_magnitude(x), near = tanh_near(a);
  const ExponentialParts e = exp_rr2_t16x2_p3(vf_mul(a, vf_set1(-2.0f)));
  const vf t = vf_scale_by_power(e.mantissa, e.power), sum = vf_add(one, t), lost = vf_sub(t, vf_sub(sum, one));
  const vf quotient = vf_div(vf_add(t, t), sum);
  // 2t / (sum + lost) = q - q lost / (1 + t), and 1 / (1 + t) = 1 - q / 2
  const vf correction = vf_mul(vf_mul(quotient, lost), vf_fma(quotient, vf_set1(-0.5f), one));
  const vf far = vf_add(vf_sub(one, quotient), correction);
  const vm is_near = vf_less(a, vf_set1(0.55f));
  const vf magnitude = vf_select(is_near, near, far);
  *slope = vf_select(is_near, vf_fma(vf_negate(near), near, one), vf_mul(quotient, vf_sub(vf_set1(2.0f), quotient)));
  return vf_select(negative, vf_negate(magnitude), magnitude);
}

INLINE_KERNEL vf activation_tanh(vf x) {
  vf slope;
  return tanh_and_slope(x, &slope);
}

#include "template/math/activation_gelu.inc.h"

// With a = |x|: max(x, 0) - a Phi(-a). Powers of 2 come last, so that what is left of x < 0 keeps its bits.
INLINE_KERNEL vf gelu_everywhere(vf x) {
  const GeluPart lacking = gelu_lacking(x);
  return vf_sub(vf_max(vf_set1(-0.0f), x), vf_scale_by_power(lacking.factor, lacking.power));
}

// Which formula a lane has depends on its own number alone.
INLINE_KERNEL vf activation_gelu(vf x) {
#ifdef HEED_HAS_TABLE32
  const vf near = vf_sub(vf_max(vf_set1(-0.0f), x), gelu_polynomial(gelu_near, x));
  const vm far = vf_less(x, vf_set1(-GELU_NEAR));
  return __builtin_expect(vm_any(far), false) ? vf_select(far, gelu_everywhere(x), near) : near;
#else
  return gelu_everywhere(x);
#endif
}

// Below -13 the result is below every float.
INLINE_KERNEL vf activation_gelu_tanh(vf x) {
  const vf b = vf_max(vf_set1(-13.0f), x);
  const vf v = vf_mul(b, vf_fma(vf_set1(0x1.2444f2p-4f), vf_mul(b, b), vf_set1(0x1.988454p+0f)));
  return sigmoid_times(v, b);
}

INLINE_KERNEL vf activation_exp(vf x) {
  const ExponentialParts e = exp_rr2_t16x2_p3_bounded(vf_min(vf_set1(100.0f), vf_max(vf_set1(-110.0f), x)));
  return vf_scale_by_power(e.mantissa, e.power);
}

// log(m) + k ln 2 + rest for m in [1/sqrt 2, sqrt 2] and a `rest` small beside it: with f = m - 1, f + (f^3 P(f) - f^2 / 2 + ...).
INLINE_KERNEL vf log_of_parts(vf m, vf k, vf rest) {
  const vf f = vf_sub(m, vf_set1(1.0f)), z = vf_mul(f, f);
  vf p = vf_fma(vf_set1(7.0376836292e-2f), f, vf_set1(-1.1514610310e-1f));
  p = vf_fma(p, f, vf_set1(1.1676998740e-1f));
  p = vf_fma(p, f, vf_set1(-1.2420140846e-1f));
  p = vf_fma(p, f, vf_set1(1.4249322787e-1f));
  p = vf_fma(p, f, vf_set1(-1.6668057665e-1f));
  p = vf_fma(p, f, vf_set1(2.0000714765e-1f));
  p = vf_fma(p, f, vf_set1(-2.4999993993e-1f));
  p = vf_fma(p, f, vf_set1(3.3333331174e-1f));
  // ln 2 = 0.693359375 - 2.12194440e-4: the first part's products with k are exact
  const vf small = vf_fma(k, vf_set1(-2.12194440e-4f), vf_fma(z, vf_set1(-0.5f), vf_fma(vf_mul(f, z), p, rest)));
  return vf_fma(k, vf_set1(0.693359375f), vf_add(f, small));
}

// x = 2^k m. A denormal is raised by 2^24 first.
INLINE_KERNEL vf activation_log(vf x) {
  const vm tiny = vf_less(x, vf_set1(FLT_MIN)), positive = vf_less(vf_zero(), x);
  const vf raised = vf_select(tiny, vf_mul(x, vf_set1(0x1p24f)), x);
  const vf normal = vf_select(vm_and(positive, vf_less(raised, vf_set1(INFINITY))), raised, vf_set1(1.0f));
  const vf power = vf_exponent(normal), mantissa = vf_scale_by_power(normal, vf_negate(power));
  const vm upper = vf_less(vf_set1(0x1.6a09e6p+0f), mantissa);
  const vf m = vf_select(upper, vf_mul(mantissa, vf_set1(0.5f)), mantissa), k = vf_select(upper, vf_add(power, vf_set1(1.0f)), power);
  const vf y = log_of_parts(m, vf_select(tiny, vf_sub(k, vf_set1(24.0f)), k), vf_zero());
  const vf limit = vf_select(vf_equal(x, vf_zero()), vf_set1(-INFINITY), vf_select(positive, x, vf_set1(NAN)));
  return vf_select(vm_and(positive, vf_less(x, vf_set1(INFINITY))), y, vf_select(vf_is_nan(x), x, limit));
}

// max(x, 0) + log(1 + t), t = e^-|x|. What 1 + t rounds away comes back through log(u + c) = log u + c / u, where 1 / u is 1 - t / 2
// closely enough.
INLINE_KERNEL vf activation_softplus(vf x) {
  const ExponentialParts e = exp_rr2_t16x2_p3(vf_negate(vf_magnitude(x)));
  const vf one = vf_set1(1.0f), t = vf_scale_by_power(e.mantissa, e.power), sum = vf_add(one, t), lost = vf_sub(t, vf_sub(sum, one));
  const vm upper = vf_less(vf_set1(0x1.6a09e6p+0f), sum);
  const vf m = vf_select(upper, vf_mul(sum, vf_set1(0.5f)), sum), k = vf_select(upper, one, vf_zero());
  const vf y = log_of_parts(m, k, vf_mul(lost, vf_fma(t, vf_set1(-0.5f), one)));
  const vf positive = vf_select(vf_sign_bit(x), vf_zero(), x);
  return vf_select(vf_is_nan(x), x, vf_add(positive, y));
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
  case HeedActivationExp:
    return activation_exp(x);
  case HeedActivationLog:
    return activation_log(x);
  case HeedActivationSoftplus:
    return activation_softplus(x);
  }
  return x;
}

INLINE_KERNEL void activation_forward_of(const HeedActivation activation, size_t count, const float *input, float *output) {
  size_t i = 0;
  for (; i + HEED_LANES <= count; i += HEED_LANES) vf_store(output + i, activate(activation, vf_load(input + i)));
  if (i < count) vf_store_n(output + i, activate(activation, vf_load_n(input + i, count - i)), count - i);
}

// A constant activation keeps the choice, and the loads of its constants, out of a loop: a loop for each.
#define HEED_EACH_ACTIVATION(LOOP)                                                                                                         \
  LOOP(None) LOOP(Relu) LOOP(Sigmoid) LOOP(Tanh) LOOP(Silu) LOOP(Gelu) LOOP(GeluTanh) LOOP(Exp) LOOP(Log) LOOP(Softplus)

#define ACTIVATION_FORWARD(NAME)                                                                                                           \
  case HeedActivation##NAME:                                                                                                               \
    activation_forward_of(HeedActivation##NAME, count, input, output);                                                                     \
    break;

static void activation_forward(HeedActivation activation, size_t count, const float *input, float *output) {
  switch (activation) { HEED_EACH_ACTIVATION(ACTIVATION_FORWARD) }
}

#include "template/activation_backward.inc.h"

#define ACTIVATION_KERNELS .forward = activation_forward, .backward = activation_backward

#endif
