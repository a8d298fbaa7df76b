// Gradients of softmax and log-softmax in float64: the specification of softmax.h in code, and the oracle of the tests.

#include "checks/softmax_checks.h"
#include "runtime/float_mode.h"

static void reference_row(const HeedSoftmaxBackwardShape *s, const float *y, const float *dy, const uint8_t *mask, double *dx) {
  double sum = 0;
  for (int pass = 0; pass < 2; pass++)
    for (size_t j = 0; j < s->columns; j++) {
      const double value = (double)y[(ptrdiff_t)j * s->output_column], gradient = (double)dy[(ptrdiff_t)j * s->output_gradient_column];
      const bool seen = (!mask || mask[(ptrdiff_t)j * s->mask_column] != 0) && (s->logarithm || value != 0);
      if (pass == 0) {
        if (seen) sum += s->logarithm ? gradient : value * gradient;
      } else {
        const double result = s->logarithm ? gradient - exp(value) * sum : value * (gradient - sum);
        dx[j] = seen ? (double)s->scale * result : 0;
      }
    }
}

HeedStatus heed_softmax_reference_backward(const HeedSoftmaxBackwardShape *shape, const HeedSoftmaxBackwardInputs *inputs,
                                           double *input_gradient) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_softmax_backward_check(shape, inputs, input_gradient, false);
  if (status != HeedStatusOk) return status;
  for (size_t i = 0; shape->columns > 0 && i < shape->rows; i++)
    reference_row(shape, inputs->output + (ptrdiff_t)i * shape->output_row,
                  inputs->output_gradient + (ptrdiff_t)i * shape->output_gradient_row,
                  inputs->mask ? inputs->mask + (ptrdiff_t)i * shape->mask_row : NULL, input_gradient + i * shape->columns);
  return HeedStatusOk;
}
