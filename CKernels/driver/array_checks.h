// Private: checks of strided arrays of up to three dimensions, for entry points whose operands have that many.

#ifndef HEED_ARRAY_CHECKS_H
#define HEED_ARRAY_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct HeedArray {
  size_t size[3];
  ptrdiff_t stride[3];
} HeedArray;

static inline size_t heed_array_step(const HeedArray *x, int i) {
  return x->stride[i] < 0 ? (size_t)0 - (size_t)x->stride[i] : (size_t)x->stride[i];
}

static inline bool heed_array_is_empty(const HeedArray *x) { return !x->size[0] || !x->size[1] || !x->size[2]; }

// Whether a contiguous array of these sizes, at 8 bytes an element, is no larger than an object may be; a size of 0 counts as 1.
static inline bool heed_array_sizes_fit(const HeedArray *x) {
  size_t product = sizeof(double);
  for (int i = 0; i < 3; i++)
    if (x->size[i] > 1 && __builtin_mul_overflow(product, x->size[i], &product)) return false;
  return product <= (size_t)PTRDIFF_MAX;
}

// Whether every element's distance from the first fits in ptrdiff_t, counted in bytes.
static inline bool heed_array_distances_fit(const HeedArray *x, size_t element_bytes) {
  if (heed_array_is_empty(x)) return true;
  size_t total = 0;
  for (int i = 0; i < 3; i++) {
    size_t reach;
    if (__builtin_mul_overflow(heed_array_step(x, i), x->size[i] - 1, &reach) || __builtin_add_overflow(total, reach, &total)) return false;
  }
  return total <= (size_t)PTRDIFF_MAX / element_bytes;
}

// Whether the strides nest: taken from the smallest to the largest, each steps over all that the smaller ones span, so that no two
// elements share an address, each of which spans `span` more elements than one. Needs distances that fit.
static inline bool heed_array_is_injective_beyond(const HeedArray *x, size_t span) {
  if (heed_array_is_empty(x)) return true;
  bool taken[3] = {false, false, false};
  for (;;) {
    int smallest = -1;
    for (int i = 0; i < 3; i++) {
      if (taken[i] || x->size[i] == 1) continue;
      if (smallest < 0 || heed_array_step(x, i) < heed_array_step(x, smallest)) smallest = i;
    }
    if (smallest < 0) return true;
    if (heed_array_step(x, smallest) <= span) return false;
    span += heed_array_step(x, smallest) * (x->size[smallest] - 1);
    taken[smallest] = true;
  }
}

static inline bool heed_array_is_injective(const HeedArray *x) { return heed_array_is_injective_beyond(x, 0); }

#endif
