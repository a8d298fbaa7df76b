// Private: the argument checks of positions.

#ifndef HEED_POSITION_CHECKS_H
#define HEED_POSITION_CHECKS_H

#include <math.h>

#include "checks/array_checks.h"
#include "heed/position.h"

static inline HeedStatus heed_position_check_range(int64_t first, size_t length, double base) {
  if (!isfinite(base) || base <= 0 || first < 0 || first > HEED_POSITION_MAX) return HeedStatusBadArgument;
  return length <= (size_t)(HEED_POSITION_MAX - first) + 1 ? HeedStatusOk : HeedStatusBadArgument;
}

// Whether a table, if given, has the rows of `length` positions from `first` on.
static inline bool heed_position_is_in_table(int64_t first, size_t length, const float *table, size_t table_rows) {
  return !table || ((uint64_t)first <= table_rows && length <= table_rows - (size_t)first);
}

static inline HeedStatus heed_position_check_sinusoidal(const HeedPositionSinusoidalShape *s, bool strided) {
  if (!s) return HeedStatusBadArgument;
  const HeedArray x = {3, {s->batch, s->length, s->columns}, {s->input_batch, s->input_row, 1}};
  const HeedArray y = {3, {s->batch, s->length, s->columns}, {s->output_batch, s->output_row, 1}};
  const HeedArray table = {2, {s->length, s->columns}, {0, 1}};
  if (!heed_array_sizes_fit(strided ? &x : &table)) return HeedStatusBadShape;
  if (strided && (!heed_array_distances_fit(&x, sizeof(float)) || !heed_array_is_writable(&y, sizeof(float)))) return HeedStatusBadStride;
  return heed_position_check_range(s->first_position, s->length, s->base);
}

static inline HeedStatus heed_position_check_rotary(const HeedPositionRotaryShape *s, bool strided) {
  if (!s) return HeedStatusBadArgument;
  const HeedArray x = {4, {s->batch, s->heads, s->length, s->columns}, {s->input_batch, s->input_head, s->input_row, 1}};
  const HeedArray y = {4, {s->batch, s->heads, s->length, s->columns}, {s->output_batch, s->output_head, s->output_row, 1}};
  const HeedArray table = {2, {s->length, s->columns}, {0, 1}};
  if (!heed_array_sizes_fit(strided ? &x : &table) || s->rotary % 2 || s->rotary > s->columns) return HeedStatusBadShape;
  if (strided && (!heed_array_distances_fit(&x, sizeof(float)) || !heed_array_is_writable(&y, sizeof(float)))) return HeedStatusBadStride;
  if (s->layout != HeedPositionRotaryHalves && s->layout != HeedPositionRotaryInterleaved) return HeedStatusBadArgument;
  return heed_position_check_range(s->first_position, s->length, s->base);
}

#endif
