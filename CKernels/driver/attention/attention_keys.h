// Private: where the paths of attention find keys and values, in rows or in a cache, and the paths themselves.

#ifndef HEED_ATTENTION_KEYS_H
#define HEED_ATTENTION_KEYS_H

#include "heed/key_value_cache.h"

// One call, checked: operands in rows where `cache` is null. In bfloat16 the three pointers of `inputs` point to uint16_t.
typedef struct HeedAttentionCall {
  const HeedAttentionShape *shape;
  const HeedAttentionInputs *inputs;
  const HeedAttentionOutputs *outputs;
  const HeedKeyValueCache *cache;
  bool bf16;
} HeedAttentionCall;

HeedStatus heed_attention_run_tiled(const HeedAttentionCall *call);
HeedStatus heed_attention_run_decode(const HeedAttentionCall *call);

// Whether decode takes the call, and is the faster of the two: a few queries, masks that are bounds.
bool heed_attention_decodes(const HeedAttentionCall *call);

// The inputs of a call in bfloat16.
static inline HeedAttentionInputs heed_attention_inputs_of_bf16(const HeedAttentionBf16Inputs *inputs) {
  return (HeedAttentionInputs){(const float *)(const void *)inputs->query,
                               (const float *)(const void *)inputs->key,
                               (const float *)(const void *)inputs->value,
                               inputs->key_lengths,
                               inputs->boolean,
                               inputs->additive};
}

static inline size_t heed_element_size(bool bf16) { return bf16 ? sizeof(uint16_t) : sizeof(float); }

// The first key (or value) of a chunk of HEED_CACHE_CHUNK keys of one entry and head.
static inline const void *heed_attention_chunk(const HeedAttentionCall *call, const void *rows, HeedStrides strides, void *const *cached,
                                               size_t dim, size_t b, size_t g, size_t chunk) {
  if (call->cache && dim > 0) {
    const size_t before = (b * call->shape->key_value_heads + g) * HEED_CACHE_CHUNK * dim;
    return (const char *)cached[chunk] + before * heed_element_size(call->bf16);
  }
  const ptrdiff_t offset = (ptrdiff_t)b * strides.batch + (ptrdiff_t)g * strides.head + (ptrdiff_t)(chunk * HEED_CACHE_CHUNK) * strides.row;
  // What is empty may be null: no address is made of it.
  return rows && dim > 0 ? (const char *)rows + offset * (ptrdiff_t)heed_element_size(call->bf16) : rows;
}

#endif
