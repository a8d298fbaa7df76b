// Gradients of softmax and log-softmax in float64: the specification of softmax.h in code, and the oracle of the tests.

#include "checks/softmax_checks.h"
#include "runtime/float_mode.h"

static void reference_row(const HeedSoftmaxBackwardShape *s, const float *y, const float *dy, const uint8_t *mask, double *dx) {
  double sum = 0;
  for (int pass = 0; pass < 2; pass++)
    for (size_t j = 0; j < s->columns; j++) {
      const double value = (double)y[(ptrdiff_t)j * s->output_column], d_output = (double)dy[(ptrdiff_t)j * s->d_output_column];
      const bool seen = (!mask || mask[(ptrdiff_t)j * s->mask_column] != 0) && (s->logarithm || value != 0);
      if (pass == 0) {
        if (seen) sum += s->logarithm ? d_output : value * d_output;
      } else {
        const double result = s->logarithm ? d_output - exp(value) * sum : value * (d_output - sum);
        dx[j] = seen ? (double)s->scale * result : 0;
      }
    }
}

HeedStatus heed_softmax_reference_backward(const HeedSoftmaxBackwardShape *shape, const HeedSoftmaxBackwardInputs *inputs,
                                           double *d_input) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_softmax_backward_check(shape, inputs, d_input, false);
  if (status != HeedStatusOk) return status;
  for (size_t i = 0; shape->columns > 0 && i < shape->rows; i++)
    reference_row(shape, inputs->output + (ptrdiff_t)i * shape->output_row, inputs->d_output + (ptrdiff_t)i * shape->d_output_row,
                  inputs->mask ? inputs->mask + (ptrdiff_t)i * shape->mask_row : NULL, d_input + i * shape->columns);
  return HeedStatusOk;
}
