// Private: checks of strided arrays, for entry points whose operands have several dimensions.

#ifndef HEED_ARRAY_CHECKS_H
#define HEED_ARRAY_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct HeedArray {
  size_t size[3];
  ptrdiff_t stride[3];
} HeedArray;

static inline bool heed_array_is_empty(const HeedArray *x) { return !x->size[0] || !x->size[1] || !x->size[2]; }

// ---- Any number of dimensions, at most HEED_DIMENSIONS_MOST -------------------------------------------------------------------------------

#define HEED_DIMENSIONS_MOST 4

static inline size_t heed_stride_step(ptrdiff_t stride) { return stride < 0 ? (size_t)0 - (size_t)stride : (size_t)stride; }

static inline bool heed_strided_is_empty(int rank, const size_t *size) {
  for (int i = 0; i < rank; i++)
    if (size[i] == 0) return true;
  return false;
}

static inline bool heed_strided_sizes_fit(int rank, const size_t *size) {
  size_t product = sizeof(double);
  for (int i = 0; i < rank; i++)
    if (size[i] > 1 && __builtin_mul_overflow(product, size[i], &product)) return false;
  return product <= (size_t)PTRDIFF_MAX;
}

static inline bool heed_strided_distances_fit(int rank, const size_t *size, const ptrdiff_t *stride, size_t element_bytes) {
  if (heed_strided_is_empty(rank, size)) return true;
  size_t total = 0;
  for (int i = 0; i < rank; i++) {
    size_t reach;
    if (__builtin_mul_overflow(heed_stride_step(stride[i]), size[i] - 1, &reach) || __builtin_add_overflow(total, reach, &total))
      return false;
  }
  return total <= (size_t)PTRDIFF_MAX / element_bytes;
}

static inline bool heed_strided_is_injective_beyond(int rank, const size_t *size, const ptrdiff_t *stride, size_t span) {
  if (heed_strided_is_empty(rank, size)) return true;
  bool taken[HEED_DIMENSIONS_MOST] = {false};
  for (;;) {
    int smallest = -1;
    for (int i = 0; i < rank; i++) {
      if (taken[i] || size[i] == 1) continue;
      if (smallest < 0 || heed_stride_step(stride[i]) < heed_stride_step(stride[smallest])) smallest = i;
    }
    if (smallest < 0) return true;
    if (heed_stride_step(stride[smallest]) <= span) return false;
    span += heed_stride_step(stride[smallest]) * (size[smallest] - 1);
    taken[smallest] = true;
  }
}

// ---- Three ------------------------------------------------------------------------------------------------------------------------------

// Whether a contiguous array of these sizes, at 8 bytes an element, is no larger than an object may be; a size of 0 counts as 1.
static inline bool heed_array_sizes_fit(const HeedArray *x) { return heed_strided_sizes_fit(3, x->size); }

// Whether every element's distance from the first fits in ptrdiff_t, counted in bytes.
static inline bool heed_array_distances_fit(const HeedArray *x, size_t element_bytes) {
  return heed_strided_distances_fit(3, x->size, x->stride, element_bytes);
}

// Whether the strides nest: taken from the smallest to the largest, each steps over all that the smaller ones span, so that no two
// elements share an address, each of which spans `span` more elements than one. Needs distances that fit.
static inline bool heed_array_is_injective_beyond(const HeedArray *x, size_t span) {
  return heed_strided_is_injective_beyond(3, x->size, x->stride, span);
}

static inline bool heed_array_is_injective(const HeedArray *x) { return heed_array_is_injective_beyond(x, 0); }

#endif
