// Private: the argument checks of every softmax.

#ifndef HEED_SOFTMAX_CHECKS_H
#define HEED_SOFTMAX_CHECKS_H

#include <math.h>

#include "checks/array_checks.h"
#include "heed/softmax.h"

// The errors of softmax.h. `output_is_strided` is false for a variant whose output is contiguous whatever the strides say.
static inline HeedStatus heed_softmax_check(const HeedSoftmaxShape *s, const HeedSoftmaxInputs *inputs, const void *output,
                                            bool output_is_strided) {
  if (!s || !inputs) return HeedStatusBadArgument;
  const HeedArray x = {2, {s->rows, s->columns}, {s->input_row, s->input_column}};
  const HeedArray y = {2, {s->rows, s->columns}, {s->output_row, s->output_column}};
  const HeedArray mask = {2, {s->rows, s->columns}, {s->mask_row, s->mask_column}};
  const HeedStatus status = heed_array_check(&x, false);
  if (status != HeedStatusOk) return status;
  if (inputs->mask && !heed_array_distances_fit(&mask, 1)) return HeedStatusBadStride;
  if (output_is_strided && !heed_array_is_writable(&y, sizeof(float))) return HeedStatusBadStride;
  if (!isfinite(s->scale)) return HeedStatusBadArgument;
  if (!heed_array_is_empty(&x) && (!inputs->input || !output)) return HeedStatusBadArgument;
  return HeedStatusOk;
}

// The same for its gradients.
static inline HeedStatus heed_softmax_backward_check(const HeedSoftmaxBackwardShape *s, const HeedSoftmaxBackwardInputs *in,
                                                     const void *d_input, bool d_input_is_strided) {
  if (!s || !in) return HeedStatusBadArgument;
  const HeedArray y = {2, {s->rows, s->columns}, {s->output_row, s->output_column}};
  const HeedArray dy = {2, {s->rows, s->columns}, {s->d_output_row, s->d_output_column}};
  const HeedArray dx = {2, {s->rows, s->columns}, {s->d_input_row, s->d_input_column}};
  const HeedArray mask = {2, {s->rows, s->columns}, {s->mask_row, s->mask_column}};
  if (!heed_array_sizes_fit(&y)) return HeedStatusBadShape;
  if (!heed_array_distances_fit(&y, sizeof(float)) || !heed_array_distances_fit(&dy, sizeof(float))) return HeedStatusBadStride;
  if (in->mask && !heed_array_distances_fit(&mask, 1)) return HeedStatusBadStride;
  if (d_input_is_strided && !heed_array_is_writable(&dx, sizeof(float))) return HeedStatusBadStride;
  if (!isfinite(s->scale)) return HeedStatusBadArgument;
  if (!heed_array_is_empty(&y) && (!in->output || !in->d_output || !d_input)) return HeedStatusBadArgument;
  return HeedStatusOk;
}

#endif
