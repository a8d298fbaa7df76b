// Private: how a check refuses an index.

#ifndef HEED_BAD_INDEX_H
#define HEED_BAD_INDEX_H

#include "heed/runtime.h"

// Puts down which index is out of range, for heed_status_bad_index, and returns HeedStatusBadIndex. `array` has static storage.
HeedStatus heed_bad_index(const char *array, int64_t value, size_t place, size_t range);

// Looks at contiguous indices, the first of which is out of range is put down.
static inline HeedStatus heed_check_indices(const char *array, const int64_t *values, size_t count, size_t range) {
  for (size_t i = 0; i < count; i++)
    if (values[i] < 0 || (uint64_t)values[i] >= range) return heed_bad_index(array, values[i], i, range);
  return HeedStatusOk;
}

// The same for int32 numbers. All are compared without a branch first, for mostly none is out of range.
static inline HeedStatus heed_check_indices_int32(const char *array, const int32_t *values, size_t count, size_t range) {
  uint32_t beyond = 0; // a negative index is a large number
  for (size_t i = 0; i < count; i++) beyond |= (uint32_t)values[i] >= range;
  for (size_t i = 0; beyond && i < count; i++)
    if ((uint32_t)values[i] >= range) return heed_bad_index(array, values[i], i, range);
  return HeedStatusOk;
}

#endif
