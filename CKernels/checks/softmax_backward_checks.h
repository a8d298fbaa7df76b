// Private: the argument checks of softmax's gradients.

#ifndef HEED_SOFTMAX_BACKWARD_CHECKS_H
#define HEED_SOFTMAX_BACKWARD_CHECKS_H

#include <math.h>

#include "checks/array_checks.h"
#include "heed/softmax.h"

static inline HeedStatus heed_softmax_backward_check(const HeedSoftmaxBackwardShape *s, const HeedSoftmaxBackwardInputs *in,
                                                     const void *gradient, bool gradient_is_strided) {
  if (!s || !in) return HeedStatusBadArgument;
  const HeedArray y = {{1, s->rows, s->columns}, {0, s->output_row, s->output_column}};
  const HeedArray dy = {{1, s->rows, s->columns}, {0, s->output_gradient_row, s->output_gradient_column}};
  const HeedArray dx = {{1, s->rows, s->columns}, {0, s->input_gradient_row, s->input_gradient_column}};
  const HeedArray mask = {{1, s->rows, s->columns}, {0, s->mask_row, s->mask_column}};
  if (!heed_array_sizes_fit(&y)) return HeedStatusBadShape;
  if (!heed_array_distances_fit(&y, sizeof(float)) || !heed_array_distances_fit(&dy, sizeof(float))) return HeedStatusBadStride;
  if (in->mask && !heed_array_distances_fit(&mask, 1)) return HeedStatusBadStride;
  if (gradient_is_strided && (!heed_array_distances_fit(&dx, sizeof(float)) || !heed_array_is_injective(&dx))) return HeedStatusBadStride;
  if (!isfinite(s->scale)) return HeedStatusBadArgument;
  if (!heed_array_is_empty(&y) && (!in->output || !in->output_gradient || !gradient)) return HeedStatusBadArgument;
  return HeedStatusOk;
}

#endif
