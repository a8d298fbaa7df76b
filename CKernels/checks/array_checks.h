// Private: checks of the sizes and strides of one array, the same for every family.

#ifndef HEED_ARRAY_CHECKS_H
#define HEED_ARRAY_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "heed/runtime.h"

#define HEED_ARRAY_RANK_MOST 8 // arithmetic has the most: HEED_ARITHMETIC_AXES

typedef struct HeedArray {
  size_t rank;
  size_t size[HEED_ARRAY_RANK_MOST];
  ptrdiff_t stride[HEED_ARRAY_RANK_MOST]; // in elements
} HeedArray;

static inline HeedArray heed_array(size_t rank, const size_t *size, const ptrdiff_t *stride) {
  HeedArray x = {.rank = rank};
  memcpy(x.size, size, rank * sizeof *size);
  memcpy(x.stride, stride, rank * sizeof *stride);
  return x;
}

static inline bool heed_array_is_empty(const HeedArray *x) {
  for (size_t i = 0; i < x->rank; i++)
    if (x->size[i] == 0) return true;
  return false;
}

// The number of elements, where sizes fit.
static inline size_t heed_array_count(const HeedArray *x) {
  size_t count = 1;
  for (size_t i = 0; i < x->rank; i++) count *= x->size[i];
  return count;
}

// Whether there is data where there are elements.
static inline bool heed_array_has(const HeedArray *x, const void *data) { return data || heed_array_is_empty(x); }

// Whether a contiguous array of these sizes, 8 bytes an element (the float64 reference has the same shapes), is no larger than an object
// may be. A size of 0 counts as 1: scratch is carved from partial products, and an array that overflows beside a 0 is a mistake anyway.
static inline bool heed_array_sizes_fit(const HeedArray *x) {
  size_t product = sizeof(double);
  for (size_t i = 0; i < x->rank; i++)
    if (x->size[i] > 1 && __builtin_mul_overflow(product, x->size[i], &product)) return false;
  return product <= (size_t)PTRDIFF_MAX;
}

static inline size_t heed_stride_step(ptrdiff_t stride) { return stride < 0 ? (size_t)0 - (size_t)stride : (size_t)stride; }

// Whether every element's distance from the first fits in ptrdiff_t, counted in bytes.
static inline bool heed_array_distances_fit(const HeedArray *x, size_t element_bytes) {
  if (heed_array_is_empty(x)) return true;
  size_t total = 0;
  for (size_t i = 0; i < x->rank; i++) {
    size_t reach;
    if (__builtin_mul_overflow(heed_stride_step(x->stride[i]), x->size[i] - 1, &reach) || __builtin_add_overflow(total, reach, &total))
      return false;
  }
  return total <= (size_t)PTRDIFF_MAX / element_bytes;
}

// Whether the strides nest: taken from the smallest to the largest, each steps over all that the smaller ones span. Then no two elements
// share an address. (Strides that interleave without sharing one, such as 2 and 3 for sizes 2 and 2, are refused with those that share.)
// Needs distances that fit.
static inline bool heed_array_is_injective(const HeedArray *x) {
  if (heed_array_is_empty(x)) return true;
  bool taken[HEED_ARRAY_RANK_MOST] = {false};
  for (size_t span = 0;;) {
    size_t smallest = x->rank;
    for (size_t i = 0; i < x->rank; i++) {
      if (taken[i] || x->size[i] == 1) continue;
      if (smallest == x->rank || heed_stride_step(x->stride[i]) < heed_stride_step(x->stride[smallest])) smallest = i;
    }
    if (smallest == x->rank) return true;
    if (heed_stride_step(x->stride[smallest]) <= span) return false;
    span += heed_stride_step(x->stride[smallest]) * (x->size[smallest] - 1);
    taken[smallest] = true;
  }
}

static inline bool heed_array_strides_fit(const HeedArray *x, size_t element_bytes, bool written) {
  return heed_array_distances_fit(x, element_bytes) && (!written || heed_array_is_injective(x));
}

static inline bool heed_array_is_writable(const HeedArray *x, size_t element_bytes) {
  return heed_array_strides_fit(x, element_bytes, true);
}

// Sizes and strides of an array of floats.
static inline HeedStatus heed_array_check(const HeedArray *x, bool written) {
  if (!heed_array_sizes_fit(x)) return HeedStatusBadShape;
  return heed_array_strides_fit(x, sizeof(float), written) ? HeedStatusOk : HeedStatusBadStride;
}

#endif
