// Positions in float64, angle by angle: the specification of position.h in code, and the oracle of the tests.

#include "checks/position_checks.h"
#include "runtime/float_mode.h"

static double angle(int64_t position, size_t pair, size_t columns, double base) {
  return (double)position * pow(base, -2.0 * (double)pair / (double)columns);
}

HeedStatus heed_position_reference_sinusoidal_forward(const HeedPositionSinusoidalShape *shape, const float *input, double *output) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_position_check_sinusoidal(shape, true);
  if (status != HeedStatusOk) return status;
  const HeedPositionSinusoidalShape *s = shape;
  if (s->batch && s->length && s->columns && (!input || !output)) return HeedStatusBadArgument;
  for (size_t b = 0; b < s->batch; b++)
    for (size_t t = 0; t < s->length; t++)
      for (size_t j = 0; j < s->columns; j++) {
        const double a = angle(s->first_position + (int64_t)t, j / 2, s->columns, s->base);
        const float x = input[(ptrdiff_t)b * s->input_batch + (ptrdiff_t)t * s->input_row + (ptrdiff_t)j];
        output[(b * s->length + t) * s->columns + j] = (double)x + (j % 2 ? cos(a) : sin(a));
      }
  return HeedStatusOk;
}

static void reference_row(const HeedPositionRotaryShape *s, int64_t position, const float *x, double *y) {
  const size_t pairs = s->rotary / 2;
  for (size_t j = s->rotary; j < s->columns; j++) y[j] = (double)x[j];
  for (size_t i = 0; i < pairs; i++) {
    const double a = angle(position, i, s->rotary, s->base), turn = s->inverse ? -a : a;
    const size_t first = s->layout == HeedPositionRotaryHalves ? i : 2 * i,
                 second = s->layout == HeedPositionRotaryHalves ? i + pairs : 2 * i + 1;
    y[first] = (double)x[first] * cos(turn) - (double)x[second] * sin(turn);
    y[second] = (double)x[second] * cos(turn) + (double)x[first] * sin(turn);
  }
}

HeedStatus heed_position_reference_rotary(const HeedPositionRotaryShape *shape, const float *input, double *output) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_position_check_rotary(shape, true);
  if (status != HeedStatusOk) return status;
  const HeedPositionRotaryShape *s = shape;
  if (s->batch && s->heads && s->length && s->columns && (!input || !output)) return HeedStatusBadArgument;
  for (size_t b = 0; s->columns > 0 && b < s->batch; b++)
    for (size_t h = 0; h < s->heads; h++)
      for (size_t t = 0; t < s->length; t++)
        reference_row(s, s->first_position + (int64_t)t,
                      input + (ptrdiff_t)b * s->input_batch + (ptrdiff_t)h * s->input_head + (ptrdiff_t)t * s->input_row,
                      output + ((b * s->heads + h) * s->length + t) * s->columns);
  return HeedStatusOk;
}
