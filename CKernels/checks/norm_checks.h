// Private: the argument checks of every norm.

#ifndef HEED_NORM_CHECKS_H
#define HEED_NORM_CHECKS_H

#include <math.h>

#include "checks/array_checks.h"
#include "heed/norm.h"

// Checks one operand: if it is given, its rows may be `stride` apart.
static inline HeedStatus heed_norm_check_rows(const HeedNormShape *s, const void *data, ptrdiff_t stride, bool written) {
  const HeedArray x = {2, {s->rows, s->columns}, {stride, 1}};
  return data ? heed_array_check(&x, written) : HeedStatusOk;
}

static inline HeedStatus heed_norm_check_shape(const HeedNormShape *s) {
  const HeedArray x = {2, {s->rows, s->columns}, {0, 1}}, statistics = {2, {s->rows, HEED_NORM_STATISTICS}, {0, 1}};
  if (!heed_array_sizes_fit(&x) || !heed_array_sizes_fit(&statistics)) return HeedStatusBadShape;
  if (s->kind != HeedNormLayer && s->kind != HeedNormRms) return HeedStatusBadArgument;
  return isfinite(s->epsilon) && s->epsilon >= 0 ? HeedStatusOk : HeedStatusBadArgument;
}

static inline HeedStatus heed_norm_check_forward(const HeedNormShape *s, const HeedNormInputs *in, const HeedNormOutputs *out) {
  if (!s || !in || !out) return HeedStatusBadArgument;
  HeedStatus status = heed_norm_check_shape(s);
  if (status == HeedStatusOk) status = heed_norm_check_rows(s, in->input, s->input_row, false);
  if (status == HeedStatusOk) status = heed_norm_check_rows(s, in->residual, s->residual_row, false);
  if (status == HeedStatusOk) status = heed_norm_check_rows(s, out->sum, s->sum_row, true);
  if (status == HeedStatusOk) status = heed_norm_check_rows(s, out->output, s->output_row, true);
  if (status != HeedStatusOk) return status;
  const bool empty = s->rows == 0 || s->columns == 0, asked = out->output || out->sum || out->statistics;
  return empty || (in->input && asked) ? HeedStatusOk : HeedStatusBadArgument;
}

static inline HeedStatus heed_norm_check_backward(const HeedNormShape *s, const HeedNormBackwardInputs *in, const HeedNormGradients *out) {
  if (!s || !in || !out) return HeedStatusBadArgument;
  HeedStatus status = heed_norm_check_shape(s);
  if (status == HeedStatusOk) status = heed_norm_check_rows(s, in->sum, s->sum_row, false);
  if (status == HeedStatusOk) status = heed_norm_check_rows(s, in->d_output, s->d_output_row, false);
  if (status == HeedStatusOk) status = heed_norm_check_rows(s, in->d_sum, s->d_sum_row, false);
  if (status == HeedStatusOk) status = heed_norm_check_rows(s, out->d_input, s->d_input_row, true);
  if (status != HeedStatusOk) return status;
  if (s->columns == 0 || (s->rows == 0 && !out->d_weight && !out->d_bias)) return HeedStatusOk;
  if (!out->d_input && !out->d_weight && !out->d_bias) return HeedStatusBadArgument;
  return s->rows == 0 || (in->sum && in->d_output) ? HeedStatusOk : HeedStatusBadArgument;
}

#endif
