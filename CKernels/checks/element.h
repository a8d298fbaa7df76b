// Private: elements of either type: whether there is such a one, its size, where it lies.

#ifndef HEED_ELEMENT_H
#define HEED_ELEMENT_H

#include "heed/runtime.h"

static inline bool heed_element_exists(HeedElement element) { return element == HeedElementFloat32 || element == HeedElementBfloat16; }

static inline size_t heed_element_size(HeedElement element) { return element == HeedElementBfloat16 ? sizeof(uint16_t) : sizeof(float); }

// Where the element that many places after the first lies. What is empty may be null: no address is made of it.
static inline const void *heed_element_at(const void *first, ptrdiff_t places, HeedElement element) {
  return first ? (const char *)first + places * (ptrdiff_t)heed_element_size(element) : NULL;
}

#endif
