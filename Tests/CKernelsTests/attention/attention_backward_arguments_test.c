// The oracle against finite differences, empty dimensions, and every error, which touches nothing.

#include <math.h>

#include "attention_backward_support.h"

// sum of dO * O in float64.
static double objective(const BackwardBuilt *built, double *output) {
  const HeedAttentionShape *s = &built->shape.forward;
  const HeedAttentionReferenceOutputs outputs = {output, NULL, NULL, NULL};
  CHECK(heed_attention_reference_forward(s, &built->forward.inputs, &outputs) == HeedStatusOk);
  double sum = 0;
  for (size_t b = 0; b < s->batch; b++)
    for (size_t h = 0; h < s->heads; h++)
      for (size_t i = 0; i < s->query_length; i++)
        for (size_t e = 0; e < s->value_dim; e++) sum += *output++ * (double)*at(&built->d_output, b, h, i, e);
  return sum;
}

TEST_ONCE(attention_backward_reference_agrees_with_finite_differences) {
  static const unsigned masks[] = {MaskNone, MaskCausal | MaskBoolean, MaskAdditive | MaskLengths};
  for (size_t m = 0; m < 3; m++) {
    const BackwardProblem problem = {.forward = {.B = 2,
                                                 .H = 4,
                                                 .G = 2,
                                                 .Nq = 5,
                                                 .Nk = 7,
                                                 .D = 3,
                                                 .E = 4,
                                                 .masks = masks[m],
                                                 .causal_offset = 2,
                                                 .dropout = m == 1 ? 0.3f : 0,
                                                 .stream = 7100 + m}};
    BackwardBuilt built = build_backward(&problem);
    OracleGradients oracle = run_backward_oracle(&built);
    double output[2 * 4 * 5 * 4];
    Operand *const operands[] = {&built.forward.query, &built.forward.key, &built.forward.value, &built.forward.additive};
    for (int k = 0; k < (masks[m] & MaskAdditive ? 4 : 3); k++) {
      const double *expected = oracle.data[k];
      const Operand *x = operands[k];
      for (size_t b = 0; b < x->size[0]; b++)
        for (size_t h = 0; h < x->size[1]; h++)
          for (size_t i = 0; i < x->size[2]; i++)
            for (size_t c = 0; c < x->size[3]; c++, expected++) {
              float *spot = at(x, b, h, i, c);
              const float before = *spot, up = before + 0x1p-9f, down = before - 0x1p-9f;
              if (!isfinite(before)) continue;
              *spot = up;
              const double above = objective(&built, output);
              *spot = down;
              const double difference = (above - objective(&built, output)) / ((double)up - (double)down);
              *spot = before;
              CHECK_MESSAGE(fabs(difference - *expected) <= 2e-5 * (1 + fabs(*expected)), "%s[%zu]: %.9g, by differences %.9g",
                            gradient_names[k], (size_t)(expected - oracle.data[k]), *expected, difference);
            }
    }
    oracle_gradients_free(&oracle);
    backward_free(&built);
  }
}

TEST(attention_backward_of_empty_dimensions) {
  for (int zero = 0; zero < 6; zero++)
    for (unsigned masks = 0; masks < 16; masks += 15) {
      Problem forward = {.B = 2, .H = 2, .G = 1, .Nq = 3, .Nk = 70, .D = 8, .E = 5, .masks = masks, .stream = 7200 + (uint64_t)zero};
      size_t *const sizes[6] = {&forward.B, &forward.H, &forward.Nq, &forward.Nk, &forward.D, &forward.E};
      *sizes[zero] = 0;
      if (forward.H == 0) forward.G = 0;
      const BackwardProblem problem = {.forward = forward};
      BackwardBuilt built = build_backward(&problem);
      OracleGradients oracle = run_backward_oracle(&built);
      FOR_EACH_BACKWARD_ARM(arm) {
        Gradients result = run_backward(arm, &built, WantAll);
        CHECK_MESSAGE(result.status == HeedStatusOk, "%s: status %d: %s", arm->name, result.status, describe(&forward));
        for (int k = 0; k < GRADIENTS; k++) {
          const Errors errors = compare_rows(result.data[k], oracle.data[k], result.count[k], 1);
          CHECK_MESSAGE(errors.normwise <= 1e-5, "%s: N of %s is %g: %s", arm->name, gradient_names[k], errors.normwise,
                        describe(&forward));
        }
        gradients_free(&result);
      }
      oracle_gradients_free(&oracle);
      backward_free(&built);
    }
}

TEST(attention_backward_refuses_what_is_wrong_and_touches_nothing) {
  const BackwardProblem problem = {
      .forward = {.B = 2, .H = 2, .G = 2, .Nq = 5, .Nk = 9, .D = 4, .E = 3, .masks = MaskAdditive, .stream = 7300}};
  BackwardBuilt built = build_backward(&problem);
  float query[2 * 2 * 5 * 4], key[2 * 2 * 9 * 4], value[2 * 2 * 9 * 3], additive[2 * 2 * 5 * 9];
  poison_floats(query, 80), poison_floats(key, 144), poison_floats(value, 108), poison_floats(additive, 180);
  HeedAttentionBackwardShape good = built.shape;
  good.d_query = heed_attention_strides_contiguous(2, 5, 4);
  good.d_key = heed_attention_strides_contiguous(2, 9, 4);
  good.d_value = heed_attention_strides_contiguous(2, 9, 3);
  const HeedAttentionGradients gradients = {query, key, value, additive};
  FOR_EACH_BACKWARD_ARM(arm) {
    for (int fault = 0; fault < 16; fault++) {
      HeedAttentionBackwardShape s = good;
      HeedAttentionBackwardInputs in = built.inputs;
      HeedStatus expected = HeedStatusBadArgument;
      switch (fault) {
      case 0:
        s.d_query.row = 0, expected = HeedStatusBadStride;
        break;
      case 1:
        s.d_key.head = 1, expected = HeedStatusBadStride;
        break;
      case 2:
        s.d_value.column = 2, expected = HeedStatusBadStride;
        break;
      case 3:
        s.d_additive.row = 1, expected = HeedStatusBadStride;
        break;
      case 4:
        s.d_output.row = PTRDIFF_MAX / 2, expected = HeedStatusBadStride;
        break;
      case 5:
        s.forward.key_value_heads = 3, expected = HeedStatusBadShape;
        break;
      case 6:
        s.forward.scale = NAN;
        break;
      case 7:
        s.forward.dropout.probability = 1;
        break;
      case 8:
        s.forward.dropout.probability = NAN;
        break;
      case 9:
        in.output = NULL;
        break;
      case 10:
        in.log_sum_exp = NULL;
        break;
      case 11:
        in.d_output = NULL;
        break;
      case 12:
        in.forward.value = NULL;
        break;
      case 13:
        s.forward.window = 3;
        break;
      case 14:
        s.forward.output.row = PTRDIFF_MAX / 2, expected = HeedStatusBadStride;
        break;
      default:
        s.forward.query_length = SIZE_MAX / 8, expected = HeedStatusBadShape;
      }
      const HeedStatus status = arm->backward(&s, &in, &gradients);
      CHECK_MESSAGE(status == expected, "%s: fault %d gives %d, not %d", arm->name, fault, status, expected);
    }
    CHECK(arm->backward(NULL, &built.inputs, &gradients) == HeedStatusBadArgument);
    CHECK(arm->backward(&good, NULL, &gradients) == HeedStatusBadArgument);
    CHECK(arm->backward(&good, &built.inputs, NULL) == HeedStatusBadArgument);
  }
  CHECK(is_poison(query, 80) && is_poison(key, 144) && is_poison(value, 108) && is_poison(additive, 180));
  backward_free(&built);
}
