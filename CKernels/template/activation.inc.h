// Activation functions and their gradients, applied to arrays (formulas and promises: heed/activation.h). The functions themselves are in
// math/.

#ifndef HEED_ACTIVATION_INC_H
#define HEED_ACTIVATION_INC_H

#include "template/math/exp.inc.h"
#include "template/math/gelu.inc.h"
#include "template/math/gelu_tanh.inc.h"
#include "template/math/log.inc.h"
#include "template/math/sigmoid.inc.h"
#include "template/math/softplus.inc.h"
#include "template/math/tanh.inc.h"

// +0 for -0.
INLINE_KERNEL vf activation_relu(vf x) { return vf_add(vf_max(vf_zero(), x), vf_zero()); }

INLINE_KERNEL vf activate(HeedActivation activation, vf x) {
  switch (activation) {
  case HeedActivationNone:
    return x;
  case HeedActivationRelu:
    return activation_relu(x);
  case HeedActivationSigmoid:
    return math_sigmoid(x);
  case HeedActivationTanh:
    return math_tanh(x);
  case HeedActivationSilu:
    return math_silu(x);
  case HeedActivationGelu:
    return math_gelu(x);
  case HeedActivationGeluTanh:
    return math_gelu_tanh(x);
  case HeedActivationExp:
    return math_exp(x);
  case HeedActivationLog:
    return math_log(x);
  case HeedActivationSoftplus:
    return math_softplus(x);
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

// ---- Gradients: d_input <- d_output f'(x) -----------------------------------------------------------------------------------------------

// From x or y; where it does not pass, 0 whatever arrives.
INLINE_KERNEL vf relu_backward(vf saved, vf d_output) {
  return vf_select(vf_is_nan(saved), saved, vf_select(vf_less(vf_zero(), saved), d_output, vf_zero()));
}

INLINE_KERNEL vf backward_from_input(HeedActivation activation, vf x, vf d_output) {
  switch (activation) {
  case HeedActivationNone:
    return d_output;
  case HeedActivationRelu:
    return relu_backward(x, d_output);
  case HeedActivationSigmoid:
    return sigmoid_backward(x, d_output);
  case HeedActivationTanh:
    return tanh_backward(x, d_output);
  case HeedActivationSilu:
    return silu_backward(x, d_output);
  case HeedActivationGelu:
    return gelu_backward(x, d_output);
  case HeedActivationGeluTanh:
    return gelu_tanh_backward(x, d_output);
  case HeedActivationExp:
    return exp_backward(x, d_output);
  case HeedActivationLog:
    return vf_div(d_output, x);
  case HeedActivationSoftplus:
    return softplus_backward(x, d_output);
  }
  return d_output;
}

INLINE_KERNEL vf backward_from_output(HeedActivation activation, vf y, vf d_output) {
  const vf one = vf_set1(1.0f);
  switch (activation) {
  case HeedActivationRelu:
    return relu_backward(y, d_output);
  case HeedActivationSigmoid:
    return vf_mul(vf_mul(y, vf_sub(one, y)), d_output);
  case HeedActivationTanh: // (1 - y)(1 + y) keeps the bits that 1 - y^2 rounds away
    return vf_mul(vf_mul(vf_sub(one, y), vf_add(one, y)), d_output);
  case HeedActivationExp:
    return vf_mul(y, d_output);
  default:
    return d_output;
  }
}

INLINE_KERNEL void activation_backward_of(const HeedActivation activation, const bool from_output, size_t count, const float *saved,
                                          const float *arriving, float *d_input) {
  size_t i = 0;
  for (; i + HEED_LANES <= count; i += HEED_LANES) {
    const vf value = vf_load(saved + i), d_output = vf_load(arriving + i);
    vf_store(d_input + i,
             from_output ? backward_from_output(activation, value, d_output) : backward_from_input(activation, value, d_output));
  }
  if (i == count) return;
  const vf value = vf_load_n(saved + i, count - i), d_output = vf_load_n(arriving + i, count - i);
  vf_store_n(d_input + i,
             from_output ? backward_from_output(activation, value, d_output) : backward_from_input(activation, value, d_output), count - i);
}

#define ACTIVATION_BACKWARD(NAME)                                                                                                          \
  case HeedActivation##NAME:                                                                                                               \
    activation_backward_of(HeedActivation##NAME, false, count, saved_values, d_output, d_input);                                           \
    break;

static void activation_backward(HeedActivation activation, HeedActivationSaved saved, size_t count, const float *saved_values,
                                const float *d_output, float *d_input) {
  if (saved == HeedActivationSavedOutput) {
    activation_backward_of(activation, true, count, saved_values, d_output, d_input);
    return;
  }
  switch (activation) { HEED_EACH_ACTIVATION(ACTIVATION_BACKWARD) }
}

#define ACTIVATION_KERNELS .forward = activation_forward, .backward = activation_backward

#endif
