// Private: the argument checks of arithmetic.

#ifndef HEED_ARITHMETIC_CHECKS_H
#define HEED_ARITHMETIC_CHECKS_H

#include "checks/array_checks.h"
#include "heed/arithmetic.h"

static inline bool heed_arithmetic_distances_fit(const HeedArithmeticShape *s, const ptrdiff_t *stride, size_t element_bytes) {
  const HeedArray x = heed_array(s->axes, s->size, stride);
  return heed_array_distances_fit(&x, element_bytes);
}

// The errors of arithmetic.h for an element-wise call; b and the mask count as read where they are `read`. `count` receives the number of
// elements. The output has elements of `output_bytes`.
static inline HeedStatus heed_arithmetic_check(const HeedArithmeticShape *s, const HeedArithmeticInputs *in, bool reads_b, bool reads_mask,
                                               const void *output, size_t output_bytes, size_t *count) {
  if (!s || !in) return HeedStatusBadArgument;
  if (s->axes > HEED_ARITHMETIC_AXES) return HeedStatusBadShape;
  const HeedArray y = heed_array(s->axes, s->size, s->output);
  if (!heed_array_sizes_fit(&y)) return HeedStatusBadShape;
  *count = heed_array_count(&y);
  if (*count == 0) return HeedStatusOk;
  if (!heed_array_is_writable(&y, output_bytes) || !heed_arithmetic_distances_fit(s, s->a, sizeof(float)) ||
      (reads_b && !heed_arithmetic_distances_fit(s, s->b, sizeof(float))) || (reads_mask && !heed_arithmetic_distances_fit(s, s->mask, 1)))
    return HeedStatusBadStride;
  return in->a && output && (in->b || !reads_b) && (in->mask || !reads_mask) ? HeedStatusOk : HeedStatusBadArgument;
}

// The same for a reduction, whose output has elements of `output_bytes`. A sum of nothing is something, a largest is not. `kept` and
// `reduced` receive the number of results and the number of elements that each result reduces.
static inline HeedStatus heed_arithmetic_check_reduce(const HeedArithmeticReduce *s, bool is_sum, const float *input, const void *output,
                                                      size_t output_bytes, size_t *kept, size_t *reduced) {
  if (!s) return HeedStatusBadArgument;
  if (s->axes > HEED_ARITHMETIC_AXES) return HeedStatusBadShape;
  const HeedArray x = heed_array(s->axes, s->size, s->input);
  if (!heed_array_sizes_fit(&x)) return HeedStatusBadShape;
  HeedArray y = heed_array(s->axes, s->size, s->output);
  *kept = 1, *reduced = 1;
  for (size_t i = 0; i < s->axes; i++) {
    *(s->reduced[i] ? reduced : kept) *= s->size[i];
    if (s->reduced[i]) y.size[i] = 1; // so that its stride does not count
  }
  if (*kept == 0) return HeedStatusOk;
  if (!heed_array_distances_fit(&x, sizeof(float)) || !heed_array_is_writable(&y, output_bytes)) return HeedStatusBadStride;
  if (!output || (!input && *reduced > 0)) return HeedStatusBadArgument;
  return *reduced == 0 && !is_sum ? HeedStatusBadShape : HeedStatusOk;
}

#endif
