// Private: checks of the sizes and strides of one attention operand, a [B, heads, rows, columns] array.

#ifndef HEED_ATTENTION_EXTENT_H
#define HEED_ATTENTION_EXTENT_H

#include "heed/attention.h"

// The sizes of one operand.
typedef struct HeedExtent {
  size_t size[4];
  HeedStrides strides;
} HeedExtent;

static inline bool heed_extent_is_empty(const HeedExtent *x) { return !x->size[0] || !x->size[1] || !x->size[2] || !x->size[3]; }

// Whether an array of these sizes, 8 bytes an element (the float64 reference has the same shapes), is no larger than an object may be.
// A size of 0 counts as 1: scratch is carved from partial products, and an array that overflows beside a 0 is a mistake anyway.
static inline bool heed_extent_product_fits(const HeedExtent *x) {
  size_t product = sizeof(double);
  for (int i = 0; i < 4; i++) {
    if (x->size[i] > 1 && __builtin_mul_overflow(product, x->size[i], &product)) return false;
  }
  return product <= (size_t)PTRDIFF_MAX;
}

static inline void heed_extent_magnitudes(const HeedStrides *strides, size_t magnitude[4]) {
  const ptrdiff_t stride[4] = {strides->batch, strides->head, strides->row, strides->column};
  for (int i = 0; i < 4; i++) magnitude[i] = stride[i] < 0 ? (size_t)0 - (size_t)stride[i] : (size_t)stride[i];
}

// Whether every element's distance from the first fits in ptrdiff_t, counted in bytes.
static inline bool heed_extent_distances_fit(const HeedExtent *x, size_t element_bytes) {
  if (heed_extent_is_empty(x)) return true;
  size_t magnitude[4], total = 0;
  heed_extent_magnitudes(&x->strides, magnitude);
  for (int i = 0; i < 4; i++) {
    size_t reach;
    if (__builtin_mul_overflow(magnitude[i], x->size[i] - 1, &reach) || __builtin_add_overflow(total, reach, &total)) return false;
  }
  return total <= (size_t)PTRDIFF_MAX / element_bytes;
}

// Whether the strides nest: taken from the smallest to the largest, each steps over all that the smaller ones span. Then no two elements
// share an address. (Strides that interleave without sharing one, such as 2 and 3 for sizes 2 and 2, are refused with those that share.)
static inline bool heed_extent_strides_nest(const HeedExtent *x) {
  if (heed_extent_is_empty(x)) return true;
  size_t magnitude[4];
  heed_extent_magnitudes(&x->strides, magnitude);
  bool taken[4] = {false, false, false, false};
  size_t span = 0; // from the first to the last element of the dimensions taken so far; heed_extent_distances_fit has ruled out overflow
  for (int round = 0; round < 4; round++) {
    int smallest = -1;
    for (int i = 0; i < 4; i++) {
      if (taken[i] || x->size[i] == 1) continue;
      if (smallest < 0 || magnitude[i] < magnitude[smallest]) smallest = i;
    }
    if (smallest < 0) return true;
    if (magnitude[smallest] <= span) return false;
    span += magnitude[smallest] * (x->size[smallest] - 1);
    taken[smallest] = true;
  }
  return true;
}

#endif
