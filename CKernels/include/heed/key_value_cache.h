// The key/value cache of decoding: its layout, which can be read at the speed of memory, appending to it, and attention over it.
//
// A cache grows by chunks of HEED_CACHE_CHUNK positions. Each chunk has one array of keys and one of values, so that growing allocates one
// more chunk and copies nothing. Within a chunk, for every entry b of the batch and every key/value head g:
//
//   keys    [B, G, HEED_CACHE_CHUNK / HEED_CACHE_BLOCK, D, HEED_CACHE_BLOCK]    16 keys beside each other for each d
//   values  [B, G, HEED_CACHE_CHUNK, E]
//
// in float32 or bfloat16, in the same order for every instruction set. Positions that were never written, and those at or past a sequence's
// length, may hold anything.
//
// Source of the idea to keep keys for decoding: Shazeer, "Fast Transformer Decoding: One Write-Head is All You Need" (2019).

#ifndef HEED_KEY_VALUE_CACHE_H
#define HEED_KEY_VALUE_CACHE_H

#include "heed/attention.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_CACHE_CHUNK 1024 // positions per chunk: 256 KiB of keys of 64 numbers, which are one task
#define HEED_CACHE_BLOCK 16   // keys beside each other: one vector of the widest instruction set

typedef struct HeedKeyValueCache {
  size_t batch, key_value_heads, head_dim, value_dim;
  HeedElement element;
  size_t chunks;
  void *const *keys;   // [chunks] arrays as above
  void *const *values; // [chunks]
} HeedKeyValueCache;

// The bytes of the keys and of the values of one chunk; SIZE_MAX if they overflow, for a null cache, and for an element that does not
// exist.
size_t heed_key_value_cache_key_bytes(const HeedKeyValueCache *cache);
size_t heed_key_value_cache_value_bytes(const HeedKeyValueCache *cache);

// Writes `count` keys and values of every entry and head at positions `first_position` ... `first_position + count - 1`:
//   key [B, G, count, D], value [B, G, count, E], float32, with any strides; a bfloat16 cache rounds to nearest, ties to even.
// Errors: BadShape (positions past the chunks, sizes that overflow), BadStride (an element's distance from the first overflows),
// BadArgument (a null cache, null data, an element that does not exist).
HeedStatus heed_key_value_cache_write(const HeedKeyValueCache *cache, size_t first_position, size_t count, const float *key,
                                      HeedAttentionStrides key_strides, const float *value, HeedAttentionStrides value_strides);

// Attention of float32 queries over the first shape.key_length positions. The result has the bits that heed_attention_automatic_forward
// gives for the same keys and values in rows (for a bfloat16 cache: in bfloat16 rows, with the queries rounded). shape.element is that of
// the queries, float32. The strides of shape.key and shape.value and the pointers inputs.key and inputs.value are not read. Cannot return
// the weights. Errors: those of attention.h; BadShape if the shape is not the cache's, or longer than its chunks; BadArgument for a null
// cache, a null chunk that would be read, an element that does not exist, or queries that are not float32.
HeedStatus heed_attention_cached_forward(const HeedAttentionShape *shape, const HeedKeyValueCache *cache, const HeedAttentionInputs *inputs,
                                         const HeedAttentionOutputs *outputs);

#ifdef __cplusplus
}
#endif

#endif
