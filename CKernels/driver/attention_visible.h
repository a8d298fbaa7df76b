// Private: what a query sees by length and causality, for the drivers.

#ifndef HEED_ATTENTION_VISIBLE_H
#define HEED_ATTENTION_VISIBLE_H

#include "attention.h"

// Keys of a batch entry.
static inline size_t heed_attention_keys(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs, size_t batch) {
  return inputs->key_lengths ? (size_t)inputs->key_lengths[batch] : shape->key_length;
}

// Query `row` sees keys below this as far as causality goes; may be negative. Saturated for any offset, so that a row can be added.
static inline ptrdiff_t heed_attention_visible_below(const HeedAttentionShape *shape, size_t row) {
  const ptrdiff_t limit = PTRDIFF_MAX / 4;
  if (!shape->causal) return limit;
  const ptrdiff_t offset = shape->causal_offset;
  return (offset > limit ? limit : (offset < -limit ? -limit : offset)) + (ptrdiff_t)row + 1;
}

#endif
