// Private: what the arithmetic drivers check of arrays of up to HEED_ARITHMETIC_AXES axes.

#ifndef HEED_ARITHMETIC_CHECKS_H
#define HEED_ARITHMETIC_CHECKS_H

#include "arithmetic.h"

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

#endif
