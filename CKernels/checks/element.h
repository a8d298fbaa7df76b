// Private: the two types of elements: whether an element exists, its size, and its address.

#ifndef HEED_ELEMENT_H
#define HEED_ELEMENT_H

#include "heed/runtime.h"

static inline bool heed_element_exists(HeedElement element) { return element == HeedElementFloat32 || element == HeedElementBfloat16; }

static inline size_t heed_element_size(HeedElement element) { return element == HeedElementBfloat16 ? sizeof(uint16_t) : sizeof(float); }

// The address of the element that many places after the first. An empty array may be null: no address is formed from it.
static inline const void *heed_element_at(const void *first, ptrdiff_t places, HeedElement element) {
  return first ? (const char *)first + places * (ptrdiff_t)heed_element_size(element) : NULL;
}

#endif
