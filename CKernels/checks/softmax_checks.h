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
  const HeedArray x = {{1, s->rows, s->columns}, {0, s->input_row, s->input_column}};
  const HeedArray y = {{1, s->rows, s->columns}, {0, s->output_row, s->output_column}};
  const HeedArray mask = {{1, s->rows, s->columns}, {0, s->mask_row, s->mask_column}};
  if (!heed_array_sizes_fit(&x)) return HeedStatusBadShape;
  if (!heed_array_distances_fit(&x, sizeof(float))) return HeedStatusBadStride;
  if (inputs->mask && !heed_array_distances_fit(&mask, 1)) return HeedStatusBadStride;
  if (output_is_strided && (!heed_array_distances_fit(&y, sizeof(float)) || !heed_array_is_injective(&y))) return HeedStatusBadStride;
  if (!isfinite(s->scale)) return HeedStatusBadArgument;
  if (!heed_array_is_empty(&x) && (!inputs->input || !output)) return HeedStatusBadArgument;
  return HeedStatusOk;
}

#endif
