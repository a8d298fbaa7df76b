// See arithmetic_support.h.

#include "arithmetic_support.h"

#include <string.h>

Array array_make(Random *r, size_t axes, const size_t *size, bool may_repeat, size_t element_bytes) {
  Array x = {.elements = 1};
  size_t order[HEED_ARITHMETIC_AXES];
  for (size_t i = 0; i < axes; i++) order[i] = axes - 1 - i; // the fastest first
  if (random_below(r, 2) == 0)
    for (size_t i = axes; i-- > 1;) {
      const size_t j = random_below(r, i + 1), swapped = order[i];
      order[i] = order[j], order[j] = swapped;
    }
  const bool gaps = random_below(r, 3) == 0;
  bool reversed[HEED_ARITHMETIC_AXES] = {false};
  size_t span = 1;
  for (size_t k = 0; k < axes; k++) {
    const size_t i = order[k];
    if (may_repeat && random_below(r, 4) == 0) {
      x.stride[i] = 0;
      continue;
    }
    if (gaps) span += random_below(r, 4);
    x.stride[i] = (ptrdiff_t)span;
    reversed[i] = random_below(r, 8) == 0;
    if (size[i] > 0) x.elements += span * (size[i] - 1);
    span *= size[i] ? size[i] : 1;
    if (span < x.elements) span = x.elements;
  }
  x.block = guarded_allocate(x.elements * element_bytes, random_below(r, 2) ? GuardBegin : GuardEnd);
  if (element_bytes == sizeof(float))
    poison_floats(x.block.data, x.elements);
  else
    memset(x.block.data, 0xA5, x.elements);
  x.first = x.block.data;
  for (size_t i = 0; i < axes; i++)
    if (reversed[i] && size[i] > 0) {
      x.first += (size_t)x.stride[i] * (size[i] - 1) * element_bytes;
      x.stride[i] = -x.stride[i];
    }
  return x;
}

void array_free(Array *array) { guarded_free(&array->block); }

ptrdiff_t array_offset(size_t axes, const size_t *size, const ptrdiff_t *stride, size_t position) {
  ptrdiff_t offset = 0;
  for (size_t i = axes; i-- > 0; position /= size[i]) offset += (ptrdiff_t)(position % size[i]) * stride[i];
  return offset;
}

size_t array_count(size_t axes, const size_t *size) {
  size_t count = 1;
  for (size_t i = 0; i < axes; i++) count *= size[i];
  return count;
}

size_t random_sizes(Random *r, size_t *size, size_t limit) {
  static const size_t sizes[] = {1, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 129, 600};
  const size_t axes = random_below(r, 6);
  size_t count = 1;
  for (size_t i = 0; i < axes; i++) {
    size[i] = sizes[random_below(r, 19)];
    if (count * size[i] > limit) size[i] = 1;
    count *= size[i];
  }
  if (axes > 0 && random_below(r, 30) == 0) size[random_below(r, axes)] = 0;
  return axes;
}
