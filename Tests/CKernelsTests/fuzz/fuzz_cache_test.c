// Random caches of keys and values: written in pieces, read by attention. See fuzz_support.h.

#include "fuzz_attention.h"

#define CHUNKS 2

typedef struct Cached {
  HeedKeyValueCache cache;
  FuzzArray key_chunks[CHUNKS], value_chunks[CHUNKS];
  void *keys[CHUNKS], *values[CHUNKS];
} Cached;

// In a small cache a chunk is still HEED_CACHE_CHUNK keys.
static bool build(Cached *c, const HeedAttentionShape *s, HeedElement element) {
  c->cache =
      (HeedKeyValueCache){s->batch, s->key_value_heads, s->head_dim, s->value_dim, element, 1 + fuzz_below(CHUNKS), c->keys, c->values};
  const size_t bytes = element == HeedElementBfloat16 ? 2 : 4, key = heed_key_value_cache_key_bytes(&c->cache),
               value = heed_key_value_cache_value_bytes(&c->cache);
  if (key > (size_t)1 << 18 || value > (size_t)1 << 18) return false;
  for (size_t i = 0; i < c->cache.chunks; i++) {
    c->key_chunks[i] = fuzz_array("keys of the cache", FuzzWritten, FuzzContiguous, bytes, FUZZ_SIZES(key / bytes));
    c->value_chunks[i] = fuzz_array("values of the cache", FuzzWritten, FuzzContiguous, bytes, FUZZ_SIZES(value / bytes));
    c->keys[i] = c->key_chunks[i].data, c->values[i] = c->value_chunks[i].data;
  }
  return true;
}

FUZZ(key_value_cache) {
  FuzzAttention x = {0};
  fuzz_attention_build(&x, true, false);
  x.shape.dropout.probability = 0;
  const bool bf16 = fuzz_one_in(2);
  Cached c = {0};
  const HeedAttentionShape right = x.shape;
  if (!build(&c, &right, bf16 ? HeedElementBfloat16 : HeedElementFloat32)) return;
  if (bf16) fuzz_bf16(&x.query), fuzz_bf16(&x.key), fuzz_bf16(&x.value);
  FuzzArray output = FUZZ_FLOATS("output", FuzzWritten, FuzzAny, right.batch, right.heads, right.query_length, right.value_dim);
  FuzzArray reference = FUZZ_DOUBLES("reference", right.batch, right.heads, right.query_length, right.value_dim);
  FuzzArray magnitude = FUZZ_DOUBLES("magnitude", right.batch, right.heads, right.query_length, right.value_dim);
  x.shape.output = fuzz_strides(&output);

  // Written in two pieces, one of them spoilt sometimes.
  size_t first = right.key_length ? fuzz_below(right.key_length + 1) : 0;
  HeedKeyValueCache wrong = c.cache;
  size_t at = first, count = right.key_length - first;
  const float *key = x.inputs.key, *value = x.inputs.value;
  if (right.key_length > 1 && first < right.key_length) {
    if (key) key += (ptrdiff_t)first * right.key.row;
    if (value) value += (ptrdiff_t)first * right.value.row;
  }
  HeedAttentionStrides key_strides = right.key, value_strides = right.value;
  HeedStatus expected = HeedStatusOk;
  const bool writes = count > 0 && right.batch > 0 && right.key_value_heads > 0;
  switch (fuzz_spoil(8)) {
  case 0:
    expected = fuzz_enum(&wrong.element, HEED_ELEMENT_COUNT);
    break;
  case 1:
    wrong.head_dim = FUZZ_HUGE, expected = right.batch && right.key_value_heads ? HeedStatusBadShape : HeedStatusOk;
    if (expected == HeedStatusOk) wrong = c.cache;
    break;
  case 2:
    at = wrong.chunks * HEED_CACHE_CHUNK - count + 1, expected = HeedStatusBadShape;
    break;
  case 3:
    if (count > 1) expected = fuzz_far(&key_strides.row, &x.key, 2);
    break;
  case 4:
    if (writes) expected = fuzz_far(&value_strides.column, &x.value, 3);
    break;
  case 5:
    key = NULL, expected = writes && right.head_dim > 0 ? HeedStatusBadArgument : HeedStatusOk;
    break;
  case 6:
    if (right.value_dim == 0) c.cache.values = NULL;
    wrong.values = NULL, expected = writes && right.value_dim > 0 ? HeedStatusBadArgument : HeedStatusOk;
    break;
  default:
    break;
  }
  if (!FUZZ_CALL(HeedStatusOk, heed_key_value_cache_write(&c.cache, 0, first, x.inputs.key, right.key, x.inputs.value, right.value)))
    return;
  for (size_t i = 0; i < c.cache.chunks; i++) fuzz_keep(&c.key_chunks[i]), fuzz_keep(&c.value_chunks[i]);
  for (size_t i = 0; i < c.cache.chunks; i++) fuzz_write_again(&c.key_chunks[i]), fuzz_write_again(&c.value_chunks[i]);
  if (!FUZZ_CALL(expected, heed_key_value_cache_write(&wrong, at, count, key, key_strides, value, value_strides))) return;
  for (size_t i = 0; i < c.cache.chunks; i++) fuzz_keep(&c.key_chunks[i]), fuzz_keep(&c.value_chunks[i]);

  // Attention over what is there; of the shape's mistakes those that concern keys and values are not looked at.
  fuzz_attention_spoil(&x);
  const bool unseen = x.inputs.key != x.key.data || x.inputs.value != x.value.data || x.shape.key.head != right.key.head ||
                      x.shape.value.batch != right.value.batch;
  if (unseen)
    x.inputs.key = x.key.data, x.inputs.value = x.value.data, x.shape.key = right.key, x.shape.value = right.value,
    x.expected = HeedStatusOk;
  double largest = 0;
  const bool done = fuzz_attention_reference(&x, &reference, NULL, &magnitude, &largest);
  if (!done && x.expected == HeedStatusOk) return;
  // Keys and values may be null: they are not read.
  HeedAttentionInputs inputs = x.inputs;
  inputs.key = inputs.value = NULL;
  x.shape.key = x.shape.value = (HeedAttentionStrides){PTRDIFF_MAX, PTRDIFF_MIN, 3, 0};
  if (x.expected == HeedStatusBadArgument && x.shape.dropout.probability != right.dropout.probability) x.shape.dropout.probability = NAN;
  const HeedAttentionOutputs outputs = {.output = output.data};
  if (output.count > 0 && !outputs.output) return;
  if (!FUZZ_CALL(x.expected, heed_attention_cached_forward(&x.shape, &c.cache, &inputs, &outputs))) return;
  fuzz_near(&output, &reference, &magnitude,
            (bf16 ? 0x1p-8 : 0) + (16 + 2 * largest + (double)right.key_length / 16 + (double)right.head_dim * largest / 8) * EPSILON);
}
