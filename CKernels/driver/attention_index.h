// Private: where an attention operand's rows lie and which keys a row may attend; shared by the reference and every driver.

#ifndef HEED_ATTENTION_INDEX_H
#define HEED_ATTENTION_INDEX_H

#include <math.h>

#include "attention.h"

// Offset, in elements, of row (b, head, row) of an array with those strides. The checks have made sure that it fits.
static inline ptrdiff_t heed_attention_row_offset(HeedStrides strides, size_t b, size_t head, size_t row) {
  return (ptrdiff_t)b * strides.batch + (ptrdiff_t)head * strides.head + (ptrdiff_t)row * strides.row;
}

// The key/value head that query head h reads.
static inline size_t heed_attention_group(const HeedAttentionShape *shape, size_t h) { return h / (shape->heads / shape->key_value_heads); }

// How many keys the causal mask and the key length of row i leave, always the first ones: 0 ... Nk. Any offset is safe.
static inline size_t heed_attention_visible_prefix(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs, size_t b, size_t i) {
  size_t count = shape->key_length;
  if (inputs->key_lengths && (uint64_t)inputs->key_lengths[b] < count) count = (size_t)inputs->key_lengths[b];
  if (!shape->causal) return count;
  const ptrdiff_t offset = shape->causal_offset;
  if (offset < 0) {
    const size_t before = (size_t)0 - (size_t)offset; // keys j <= i - before
    if (i < before) return 0;
    return i - before < count ? i - before + 1 : count;
  }
  const size_t after = (size_t)offset;
  if (i >= count || after >= count - i) return count;
  return i + after + 1;
}

// The masks of one row.
typedef struct HeedAttentionRowMask {
  size_t prefix;          // keys from here on are hidden
  const uint8_t *boolean; // or null
  ptrdiff_t boolean_step;
  const float *additive; // or null
  ptrdiff_t additive_step;
} HeedAttentionRowMask;

static inline HeedAttentionRowMask heed_attention_row_mask(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs, size_t b,
                                                           size_t h, size_t i) {
  HeedAttentionRowMask mask = {.prefix = heed_attention_visible_prefix(shape, inputs, b, i)};
  if (inputs->boolean) {
    mask.boolean = inputs->boolean + heed_attention_row_offset(shape->boolean, b, h, i);
    mask.boolean_step = shape->boolean.column;
  }
  if (inputs->additive) {
    mask.additive = inputs->additive + heed_attention_row_offset(shape->additive, b, h, i);
    mask.additive_step = shape->additive.column;
  }
  return mask;
}

// Whether the row may attend key j.
static inline bool heed_attention_sees(const HeedAttentionRowMask *mask, size_t j) {
  if (j >= mask->prefix) return false;
  if (mask->boolean && mask->boolean[(ptrdiff_t)j * mask->boolean_step] == 0) return false;
  return !mask->additive || mask->additive[(ptrdiff_t)j * mask->additive_step] != -INFINITY;
}

#endif
