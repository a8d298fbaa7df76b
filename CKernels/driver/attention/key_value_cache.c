// The cache of keys and values: its layout, writing to it, attention over it.

#include "heed/key_value_cache.h"

#include "checks/attention_checks.h"
#include "checks/attention_visibility.h"
#include "driver/attention/attention_keys.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

static size_t chunk_bytes(const HeedKeyValueCache *cache, size_t dim) {
  const size_t rows = heed_size_product(heed_size_product(cache->batch, cache->key_value_heads), HEED_CACHE_CHUNK);
  return heed_size_product(heed_size_product(rows, dim), heed_element_size(cache->element));
}

size_t heed_key_value_cache_key_bytes(const HeedKeyValueCache *cache) {
  return cache && heed_element_exists(cache->element) ? chunk_bytes(cache, cache->head_dim) : SIZE_MAX;
}

size_t heed_key_value_cache_value_bytes(const HeedKeyValueCache *cache) {
  return cache && heed_element_exists(cache->element) ? chunk_bytes(cache, cache->value_dim) : SIZE_MAX;
}

typedef struct Write {
  const HeedKeyValueCache *cache;
  size_t first_position, count;
  const float *key, *value;
  HeedAttentionStrides key_strides, value_strides;
} Write;

// Rounded to nearest, ties to even; NaN stays NaN.
static uint16_t rounded(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static void store(void *chunk, size_t at, float x, HeedElement element) {
  if (element == HeedElementBfloat16)
    ((uint16_t *)chunk)[at] = rounded(x);
  else
    ((float *)chunk)[at] = x;
}

static void write_pair(void *context, size_t pair, size_t worker) {
  (void)worker;
  const Write *w = context;
  const HeedKeyValueCache *c = w->cache;
  const ptrdiff_t b = (ptrdiff_t)(pair / c->key_value_heads), g = (ptrdiff_t)(pair % c->key_value_heads);
  for (size_t i = 0; i < w->count; i++) {
    const size_t position = w->first_position + i, chunk = position / HEED_CACHE_CHUNK,
                 row = pair * HEED_CACHE_CHUNK + position % HEED_CACHE_CHUNK;
    // An empty array may be null: no address is formed from it.
    const float *key =
        c->head_dim == 0 ? NULL : w->key + b * w->key_strides.batch + g * w->key_strides.head + (ptrdiff_t)i * w->key_strides.row;
    const float *value =
        c->value_dim == 0 ? NULL : w->value + b * w->value_strides.batch + g * w->value_strides.head + (ptrdiff_t)i * w->value_strides.row;
    const size_t key_at = row / HEED_CACHE_BLOCK * HEED_CACHE_BLOCK * c->head_dim + row % HEED_CACHE_BLOCK, value_at = row * c->value_dim;
    for (size_t d = 0; d < c->head_dim; d++)
      store(c->keys[chunk], key_at + d * HEED_CACHE_BLOCK, key[(ptrdiff_t)d * w->key_strides.column], c->element);
    for (size_t e = 0; e < c->value_dim; e++)
      store(c->values[chunk], value_at + e, value[(ptrdiff_t)e * w->value_strides.column], c->element);
  }
}

// Whether the cache has memory for keys and values at positions first ... first + count - 1; an empty array may be null.
static bool has_chunks(const HeedKeyValueCache *cache, size_t first_position, size_t count) {
  if (count == 0 || cache->batch == 0 || cache->key_value_heads == 0) return true;
  const bool keys = cache->head_dim > 0, values = cache->value_dim > 0;
  if ((keys && !cache->keys) || (values && !cache->values)) return false;
  for (size_t chunk = first_position / HEED_CACHE_CHUNK; chunk <= (first_position + count - 1) / HEED_CACHE_CHUNK; chunk++)
    if ((keys && !cache->keys[chunk]) || (values && !cache->values[chunk])) return false;
  return true;
}

HeedStatus heed_key_value_cache_write(const HeedKeyValueCache *cache, size_t first_position, size_t count, const float *key,
                                      HeedAttentionStrides key_strides, const float *value, HeedAttentionStrides value_strides) {
  HEED_ENTRY();
  if (!cache || !heed_element_exists(cache->element)) return HeedStatusBadArgument;
  const size_t capacity = heed_size_product(cache->chunks, HEED_CACHE_CHUNK),
               pairs = heed_size_product(cache->batch, cache->key_value_heads);
  if (capacity == SIZE_MAX || first_position > capacity || count > capacity - first_position) return HeedStatusBadShape;
  if (heed_key_value_cache_key_bytes(cache) > PTRDIFF_MAX || heed_key_value_cache_value_bytes(cache) > PTRDIFF_MAX)
    return HeedStatusBadShape;
  const HeedArray keys = heed_attention_array(cache->batch, cache->key_value_heads, count, cache->head_dim, key_strides),
                  values = heed_attention_array(cache->batch, cache->key_value_heads, count, cache->value_dim, value_strides);
  if (!heed_array_distances_fit(&keys, sizeof(float)) || !heed_array_distances_fit(&values, sizeof(float))) return HeedStatusBadStride;
  if (count == 0 || pairs == 0) return HeedStatusOk;
  if ((cache->head_dim > 0 && !key) || (cache->value_dim > 0 && !value) || !has_chunks(cache, first_position, count))
    return HeedStatusBadArgument;
  Write w = {cache, first_position, count, key, value, key_strides, value_strides};
  const double work = (double)pairs * (double)count * (double)(cache->head_dim + cache->value_dim);
  heed_parallel_for(pairs, heed_parallel_width(pairs, work * 8.0), write_pair, &w);
  return HeedStatusOk;
}

static bool fits(const HeedAttentionShape *shape, const HeedKeyValueCache *cache) {
  return shape->batch == cache->batch && shape->key_value_heads == cache->key_value_heads && shape->head_dim == cache->head_dim &&
         shape->value_dim == cache->value_dim && shape->key_length <= heed_size_product(cache->chunks, HEED_CACHE_CHUNK);
}

HeedStatus heed_attention_cached_forward(const HeedAttentionShape *shape, const HeedKeyValueCache *cache, const HeedAttentionInputs *inputs,
                                         const HeedAttentionOutputs *outputs) {
  HEED_ENTRY_FLUSHING_DENORMALS_IF(cache && cache->element == HeedElementBfloat16);
  if (!shape || !cache || !inputs || !outputs || !heed_element_exists(cache->element)) return HeedStatusBadArgument;
  if (!fits(shape, cache)) return HeedStatusBadShape;
  if (!has_chunks(cache, 0, shape->key_length)) return HeedStatusBadArgument;
  // The checks see rows in place of the cache: the sizes are the same, the pointers only have to be there.
  HeedAttentionShape rows = *shape;
  rows.key = heed_attention_strides_contiguous(shape->key_value_heads, shape->key_length, shape->head_dim);
  rows.value = heed_attention_strides_contiguous(shape->key_value_heads, shape->key_length, shape->value_dim);
  HeedAttentionInputs checked = *inputs;
  const float present = 0.0f;
  checked.key = checked.value = &present;
  const HeedStatus status = heed_attention_check(&rows, &checked, outputs, false);
  if (status != HeedStatusOk) return status;
  if (outputs->weights || shape->dropout.probability > 0) return HeedStatusNotSupported;
  // An empty array may be null, and the paths look for chunks of both.
  HeedKeyValueCache chunks = *cache;
  if (!chunks.keys) chunks.keys = chunks.values;
  if (!chunks.values) chunks.values = chunks.keys;
  const HeedAttentionCall call = {&rows, &checked, outputs, &chunks};
  if (cache->element == HeedElementFloat32) return heed_attention_run(&call);
  // Queries rounded, contiguous.
  const size_t heads = heed_size_product(shape->batch, shape->heads), lines = heed_size_product(heads, shape->query_length);
  const size_t bytes = heed_size_product(heed_size_product(lines, shape->head_dim), sizeof(uint16_t));
  uint16_t *query = heed_scratch_push(bytes ? bytes : 1);
  if (!query) return HeedStatusOutOfMemory;
  for (size_t line = 0; shape->head_dim > 0 && line < lines; line++) {
    const size_t i = line % shape->query_length, h = line / shape->query_length % shape->heads,
                 b = line / shape->query_length / shape->heads;
    const float *source = (const float *)inputs->query + heed_attention_row_offset(shape->query, b, h, i);
    for (size_t d = 0; d < shape->head_dim; d++) query[line * shape->head_dim + d] = rounded(source[(ptrdiff_t)d * shape->query.column]);
  }
  rows.query = heed_attention_strides_contiguous(shape->heads, shape->query_length, shape->head_dim);
  rows.element = HeedElementBfloat16;
  checked.query = query;
  const HeedStatus result = heed_attention_run(&call);
  heed_scratch_pop(query);
  return result;
}
