// What the arithmetic tests share: arrays with strides of every kind in guarded memory.

#ifndef HEED_ARITHMETIC_SUPPORT_H
#define HEED_ARITHMETIC_SUPPORT_H

#include "harness.h"
#include "heed/arithmetic.h"

typedef struct Array {
  Guarded block;
  char *first; // of the elements
  size_t elements;
  ptrdiff_t stride[HEED_ARITHMETIC_AXES];
} Array;

// An array of these sizes: its axes in a random order in memory, with gaps, reversed; where it may repeat, with strides of 0. Floats are
// poison, bytes 0xA5.
Array array_make(Random *r, size_t axes, const size_t *size, bool may_repeat, size_t element_bytes);
void array_free(Array *array);

// Element number `position` in row-major order.
ptrdiff_t array_offset(size_t axes, const size_t *size, const ptrdiff_t *stride, size_t position);
size_t array_count(size_t axes, const size_t *size);

// Sizes whose product is at most `limit`.
size_t random_sizes(Random *r, size_t *size, size_t limit);

#endif
