// Private: where the paths of attention find keys and values, in rows or in a cache, and the paths themselves.

#ifndef HEED_ATTENTION_KEYS_H
#define HEED_ATTENTION_KEYS_H

#include "checks/element.h"
#include "heed/key_value_cache.h"

// One call, checked: operands in rows where `cache` is null. The element of the shape is that of queries, keys and values, cached ones too.
typedef struct HeedAttentionCall {
  const HeedAttentionShape *shape;
  const HeedAttentionInputs *inputs;
  const HeedAttentionOutputs *outputs;
  const HeedKeyValueCache *cache;
} HeedAttentionCall;

HeedStatus heed_attention_run_tiled(const HeedAttentionCall *call);
HeedStatus heed_attention_run_decode(const HeedAttentionCall *call);

// The faster of the two that takes the call.
HeedStatus heed_attention_run(const HeedAttentionCall *call);

// The first key (or value) of a chunk of HEED_CACHE_CHUNK keys of one entry and head.
static inline const void *heed_attention_chunk(const HeedAttentionCall *call, const void *rows, HeedAttentionStrides strides,
                                               void *const *cached, size_t dim, size_t b, size_t g, size_t chunk) {
  const HeedElement element = call->shape->element;
  if (dim == 0) return rows;
  if (call->cache) {
    const size_t before = (b * call->shape->key_value_heads + g) * HEED_CACHE_CHUNK * dim;
    return heed_element_at(cached[chunk], (ptrdiff_t)before, element);
  }
  const ptrdiff_t offset = (ptrdiff_t)b * strides.batch + (ptrdiff_t)g * strides.head + (ptrdiff_t)(chunk * HEED_CACHE_CHUNK) * strides.row;
  return heed_element_at(rows, offset, element);
}

#endif
