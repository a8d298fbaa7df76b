// Private: which keys a row may attend, and the addresses of an attention operand's rows, for the engine and the reference.

#ifndef HEED_ATTENTION_VISIBILITY_H
#define HEED_ATTENTION_VISIBILITY_H

#include <math.h>

#include "heed/attention.h"

// Offset, in elements, of row (b, head, row) of an array with those strides. The checks have made sure that it fits.
static inline ptrdiff_t heed_attention_row_offset(HeedAttentionStrides strides, size_t b, size_t head, size_t row) {
  return (ptrdiff_t)b * strides.batch + (ptrdiff_t)head * strides.head + (ptrdiff_t)row * strides.row;
}

// The key/value head that query head h reads.
static inline size_t heed_attention_group(const HeedAttentionShape *shape, size_t h) { return h / (shape->heads / shape->key_value_heads); }

// How many keys the causal mask and the key length let row i see, 0 ... Nk. They are always the first ones. Any offset is safe.
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

#define HEED_ATTENTION_FAR (PTRDIFF_MAX / 4) // three may be added without overflow

// Row i sees keys below this as far as causality goes; may be negative. Saturated, so that a row can be added and a window taken away.
static inline ptrdiff_t heed_attention_visible_below(const HeedAttentionShape *shape, size_t i) {
  const ptrdiff_t far = HEED_ATTENTION_FAR, offset = shape->causal_offset;
  return shape->causal ? (offset > far ? far : (offset < -far ? -far : offset)) + (ptrdiff_t)i + 1 : far;
}

// The sliding window, saturated; without one it is wider than any sequence.
static inline ptrdiff_t heed_attention_window(const HeedAttentionShape *shape) {
  return shape->window == 0 || shape->window > (size_t)HEED_ATTENTION_FAR * 2 ? HEED_ATTENTION_FAR * 2 : (ptrdiff_t)shape->window;
}

// The first key that the sliding window lets row i see. It may be behind the prefix: then the row sees nothing.
static inline size_t heed_attention_visible_first(const HeedAttentionShape *shape, size_t i) {
  const ptrdiff_t first = heed_attention_visible_below(shape, i) - heed_attention_window(shape);
  return first > 0 ? (size_t)first : 0;
}

// The masks of one row.
typedef struct HeedAttentionRowMask {
  size_t first_key;       // keys before it are hidden
  size_t prefix;          // keys from here on are hidden
  const uint8_t *boolean; // or null
  ptrdiff_t boolean_step;
  const float *additive; // or null
  ptrdiff_t additive_step;
} HeedAttentionRowMask;

static inline HeedAttentionRowMask heed_attention_row_mask(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs, size_t b,
                                                           size_t h, size_t i) {
  HeedAttentionRowMask mask = {.first_key = heed_attention_visible_first(shape, i),
                               .prefix = heed_attention_visible_prefix(shape, inputs, b, i)};
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
  if (j < mask->first_key || j >= mask->prefix) return false;
  if (mask->boolean && mask->boolean[(ptrdiff_t)j * mask->boolean_step] == 0) return false;
  return !mask->additive || mask->additive[(ptrdiff_t)j * mask->additive_step] != -INFINITY;
}

#endif
