// The functions under test over the vocabulary that was included before, and the entries of its table.

#include <math.h>

#include "template/math/exp.inc.h"
#include "template/math/gelu.inc.h"
#include "template/math/log.inc.h"
#include "template/math/tanh.inc.h"

#define APPLY(NAME, EXPRESSION)                                                                                                            \
  static void NAME(const float *input, float *output) {                                                                                    \
    for (int i = 0; i < MATH_LANES; i += HEED_LANES) {                                                                                     \
      const vf x = vf_load(input + i);                                                                                                     \
      vf_store(output + i, EXPRESSION);                                                                                                    \
    }                                                                                                                                      \
  }

APPLY(apply_exp2, exp2_t16_p3(-126.0f, x))
APPLY(apply_exp, exp_rr2_t16_p3(x))
APPLY(apply_exp_parts, math_exp(x))
APPLY(apply_log, log_rr2_p11(x, vf_zero(), vf_zero()))
APPLY(apply_tanh, tanh_p11(x))
APPLY(apply_mills, gelu_mills_p9(x).ratio)

// clang-format off
#define MATH_FUNCTIONS_OF_VOCABULARY                                                                                                       \
  {{"exp2_t16_p3", apply_exp2, exp2l, -126.0f, 60.0f, 1.1, 0},                                                                             \
   {"exp_rr2_t16_p3", apply_exp, expl, EXP_LOWEST, 40.0f, 1.1, 0},                                                                         \
   {"exp_rr2_t16x2_p3", apply_exp_parts, expl, EXP_LOWEST, 88.0f, 0.75, 0},                                                                \
   {"log_rr2_p11", apply_log, logl, 0x1.6a09e6p-1f, LOG_SQRT_2, 0.9, 0},                                                                   \
   {"tanh_p11", apply_tanh, tanhl, -TANH_NEAR, TANH_NEAR, 0.9, 0},                                                                         \
   {"gelu_mills_p9", apply_mills, math_exact_mills, 0.0f, 15.0f, 4, 0.45}}
// clang-format on
