// Softmax and log-softmax in float64, one scalar step after the other: the specification of softmax.h in code, and the oracle of the tests.

#include <float.h>

#include "checks/softmax_checks.h"
#include "runtime/float_mode.h"

// z of a column that is seen. A number beyond float32 counts as infinite.
static double logit(const HeedSoftmaxShape *s, const float *row, size_t j) {
  const double z = (double)s->scale * (double)row[(ptrdiff_t)j * s->input_column];
  return fabs(z) > (double)FLT_MAX ? copysign(INFINITY, z) : z;
}

static bool is_seen(const HeedSoftmaxShape *s, const uint8_t *mask, size_t j) { return !mask || mask[(ptrdiff_t)j * s->mask_column] != 0; }

static void reference_row(const HeedSoftmaxShape *s, const float *row, const uint8_t *mask, double *output) {
  double maximum = -INFINITY, sum = 0;
  for (size_t j = 0; j < s->columns; j++) {
    if (!is_seen(s, mask, j)) continue;
    const double z = logit(s, row, j);
    if (isnan(z) || z > maximum) maximum = z; // once NaN, it stays: no number is greater than NaN
  }
  for (size_t j = 0; maximum != -INFINITY && j < s->columns; j++)
    if (is_seen(s, mask, j)) sum += exp(logit(s, row, j) - maximum);
  for (size_t j = 0; j < s->columns; j++) {
    if (maximum == -INFINITY || !is_seen(s, mask, j))
      output[j] = s->logarithm ? -INFINITY : 0;
    else
      output[j] = s->logarithm ? logit(s, row, j) - maximum - log(sum) : exp(logit(s, row, j) - maximum) / sum;
  }
}

HeedStatus heed_softmax_reference_forward(const HeedSoftmaxShape *shape, const HeedSoftmaxInputs *inputs, double *output) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_softmax_check(shape, inputs, output, false);
  if (status != HeedStatusOk) return status;
  for (size_t i = 0; shape->columns > 0 && i < shape->rows; i++)
    reference_row(shape, inputs->input + (ptrdiff_t)i * shape->input_row,
                  inputs->mask ? inputs->mask + (ptrdiff_t)i * shape->mask_row : NULL, output + i * shape->columns);
  return HeedStatusOk;
}
