// Layer norm and RMS norm in float64, one scalar step after the other: the specification of norm.h in code, and the oracle of the tests.

#include <math.h>

#include "checks/norm_checks.h"
#include "runtime/float_mode.h"

typedef struct Moments {
  double mean, inverse;
} Moments;

static Moments moments(const HeedNormShape *s, const float *row, const float *residual) {
  const double n = (double)s->columns;
  double sum = 0, squares = 0;
  for (size_t j = 0; j < s->columns; j++) sum += (double)(residual ? row[j] + residual[j] : row[j]);
  const double mean = s->kind == HeedNormLayer ? sum / n : 0;
  for (size_t j = 0; j < s->columns; j++) {
    const double distance = (double)(residual ? row[j] + residual[j] : row[j]) - mean;
    squares += distance * distance;
  }
  return (Moments){mean, 1 / sqrt(squares / n + s->epsilon)};
}

HeedStatus heed_norm_reference_forward(const HeedNormShape *shape, const HeedNormInputs *inputs, double *output) {
  HEED_FLOAT_MODE();
  const HeedNormOutputs outputs = {.statistics = (float *)(void *)output}; // only whether there is an output is looked at
  const HeedStatus status = heed_norm_check_forward(shape, inputs, &outputs);
  if (status != HeedStatusOk) return status;
  for (size_t i = 0; shape->columns > 0 && i < shape->rows; i++) {
    const float *x = inputs->input + (ptrdiff_t)i * shape->input_row;
    const float *r = inputs->residual ? inputs->residual + (ptrdiff_t)i * shape->residual_row : NULL;
    const Moments m = moments(shape, x, r);
    for (size_t j = 0; j < shape->columns; j++) {
      const double normal = ((double)(r ? x[j] + r[j] : x[j]) - m.mean) * m.inverse;
      output[i * shape->columns + j] =
          normal * (inputs->weight ? (double)inputs->weight[j] : 1) + (inputs->bias ? (double)inputs->bias[j] : 0);
    }
  }
  return HeedStatusOk;
}

static void reference_row(const HeedNormShape *s, const HeedNormBackwardInputs *in, size_t i, double *d_input, double *d_weight,
                          double *d_bias) {
  const float *x = in->sum + (ptrdiff_t)i * s->sum_row, *y = in->d_output + (ptrdiff_t)i * s->d_output_row;
  const float *through = in->d_sum ? in->d_sum + (ptrdiff_t)i * s->d_sum_row : NULL;
  const Moments m = moments(s, x, NULL);
  const double n = (double)s->columns;
  double sum = 0, product = 0;
  for (size_t j = 0; j < s->columns; j++) {
    const double normal = ((double)x[j] - m.mean) * m.inverse, g = (double)y[j] * (in->weight ? (double)in->weight[j] : 1);
    sum += g;
    product += g * normal;
    if (d_weight) d_weight[j] += (double)y[j] * normal;
    if (d_bias) d_bias[j] += (double)y[j];
  }
  for (size_t j = 0; d_input && j < s->columns; j++) {
    const double normal = ((double)x[j] - m.mean) * m.inverse, g = (double)y[j] * (in->weight ? (double)in->weight[j] : 1);
    const double centred = s->kind == HeedNormLayer ? g - sum / n : g;
    d_input[i * s->columns + j] = m.inverse * (centred - normal * product / n) + (through ? (double)through[j] : 0);
  }
}

HeedStatus heed_norm_reference_backward(const HeedNormShape *shape, const HeedNormBackwardInputs *inputs, double *d_input, double *d_weight,
                                        double *d_bias) {
  HEED_FLOAT_MODE();
  const HeedNormGradients asked = {.d_weight = (float *)(void *)(d_input ? d_input : d_weight ? d_weight : d_bias)};
  const HeedStatus status = heed_norm_check_backward(shape, inputs, &asked);
  if (status != HeedStatusOk) return status;
  for (size_t j = 0; j < shape->columns; j++) {
    if (d_weight) d_weight[j] = 0;
    if (d_bias) d_bias[j] = 0;
  }
  for (size_t i = 0; shape->columns > 0 && i < shape->rows; i++) reference_row(shape, inputs, i, d_input, d_weight, d_bias);
  return HeedStatusOk;
}
