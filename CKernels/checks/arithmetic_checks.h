// Private: what the arithmetic drivers check of arrays of up to HEED_ARITHMETIC_AXES axes.

#ifndef HEED_ARITHMETIC_CHECKS_H
#define HEED_ARITHMETIC_CHECKS_H

#include "heed/arithmetic.h"

static inline size_t heed_arithmetic_step(ptrdiff_t stride) { return stride < 0 ? (size_t)0 - (size_t)stride : (size_t)stride; }

// The number of elements; false where it, at 8 bytes each, is more than an object may have (a size of 0 counts as 1 for that).
static inline bool heed_arithmetic_count(size_t axes, const size_t *size, size_t *count) {
  size_t product = sizeof(double);
  *count = 1;
  for (size_t i = 0; i < axes; i++) {
    *count *= size[i]; // cannot overflow where the product below does not
    if (size[i] > 1 && __builtin_mul_overflow(product, size[i], &product)) return false;
  }
  return product <= (size_t)PTRDIFF_MAX;
}

// Whether every element's distance from the first fits in ptrdiff_t, in bytes.
static inline bool heed_arithmetic_distances_fit(size_t axes, const size_t *size, const ptrdiff_t *stride, size_t element_bytes) {
  size_t total = 0;
  for (size_t i = 0; i < axes; i++) {
    size_t reach;
    if (size[i] == 0) return true;
    if (__builtin_mul_overflow(heed_arithmetic_step(stride[i]), size[i] - 1, &reach) || __builtin_add_overflow(total, reach, &total))
      return false;
  }
  return total <= (size_t)PTRDIFF_MAX / element_bytes;
}

// Whether the strides nest, so that no two elements share an address. Needs distances that fit and no size of 0. Axes with `skip` set
// take no part.
static inline bool heed_arithmetic_is_injective(size_t axes, const size_t *size, const ptrdiff_t *stride, const bool *skip) {
  bool taken[HEED_ARITHMETIC_AXES] = {false};
  for (size_t span = 0;;) {
    size_t smallest = axes;
    for (size_t i = 0; i < axes; i++) {
      if (taken[i] || size[i] == 1 || (skip && skip[i])) continue;
      if (smallest == axes || heed_arithmetic_step(stride[i]) < heed_arithmetic_step(stride[smallest])) smallest = i;
    }
    if (smallest == axes) return true;
    if (heed_arithmetic_step(stride[smallest]) <= span) return false;
    span += heed_arithmetic_step(stride[smallest]) * (size[smallest] - 1);
    taken[smallest] = true;
  }
}

// ---- Whole calls ------------------------------------------------------------------------------------------------------------------------

// The errors of arithmetic.h for an element-wise call; b and the mask count as read where they are `read`. `count` receives the number of
// elements. The output has elements of `output_bytes`.
static inline HeedStatus heed_arithmetic_check(const HeedArithmeticShape *s, const HeedArithmeticInputs *in, bool reads_b, bool reads_mask,
                                               const void *output, size_t output_bytes, size_t *count) {
  if (!s || !in) return HeedStatusBadArgument;
  if (s->axes > HEED_ARITHMETIC_AXES || !heed_arithmetic_count(s->axes, s->size, count)) return HeedStatusBadShape;
  if (*count == 0) return HeedStatusOk;
  if (!heed_arithmetic_distances_fit(s->axes, s->size, s->output, output_bytes) ||
      !heed_arithmetic_distances_fit(s->axes, s->size, s->a, sizeof(float)) ||
      (reads_b && !heed_arithmetic_distances_fit(s->axes, s->size, s->b, sizeof(float))) ||
      (reads_mask && !heed_arithmetic_distances_fit(s->axes, s->size, s->mask, 1)) ||
      !heed_arithmetic_is_injective(s->axes, s->size, s->output, NULL))
    return HeedStatusBadStride;
  return in->a && output && (in->b || !reads_b) && (in->mask || !reads_mask) ? HeedStatusOk : HeedStatusBadArgument;
}

// The same for a reduction, whose output has elements of `output_bytes`. A sum of nothing is something, a largest is not. `kept` and `reduced`
// receive the number of results and of what each is made of.
static inline HeedStatus heed_arithmetic_check_reduce(const HeedArithmeticReduce *s, bool is_sum, const float *input, const void *output,
                                                      size_t output_bytes, size_t *kept, size_t *reduced) {
  if (!s) return HeedStatusBadArgument;
  if (s->axes > HEED_ARITHMETIC_AXES) return HeedStatusBadShape;
  size_t count, kept_size[HEED_ARITHMETIC_AXES];
  if (!heed_arithmetic_count(s->axes, s->size, &count)) return HeedStatusBadShape;
  *kept = 1, *reduced = 1;
  for (size_t i = 0; i < s->axes; i++) {
    kept_size[i] = s->reduced[i] ? 1 : s->size[i];
    *(s->reduced[i] ? reduced : kept) *= s->size[i];
  }
  if (*kept == 0) return HeedStatusOk;
  if (!heed_arithmetic_distances_fit(s->axes, s->size, s->input, sizeof(float)) ||
      !heed_arithmetic_distances_fit(s->axes, kept_size, s->output, output_bytes) ||
      !heed_arithmetic_is_injective(s->axes, kept_size, s->output, s->reduced))
    return HeedStatusBadStride;
  if (!output || (!input && *reduced > 0)) return HeedStatusBadArgument;
  return *reduced == 0 && !is_sum ? HeedStatusBadShape : HeedStatusOk;
}

#endif
