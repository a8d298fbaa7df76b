// dA of the tiled backward pass: dS of one tile, summed over the dimensions that were broadcast. Letters as in attention.h.
//
// A task walks every pair of tiles that contributes to its part of dA and adds their dS^T to one tile. The rest of the sum, within that
// tile, is summed at the end, in float64, queries within keys.

#include <string.h>

#include "driver/attention/attention_backward_blocks.h"
#include "runtime/sizes.h"

// How many parts of each dimension have an owner: 1 where dA sums over it.
typedef struct Owners {
  size_t batch, head, query, key;
} Owners;

static Owners owners_of(const HeedAttentionBackwardCall *call) {
  const HeedAttentionStrides s = call->shape->d_additive;
  return (Owners){s.batch ? call->shape->forward.batch : 1, s.head ? call->shape->forward.heads : 1, s.row ? call->query_tiles : 1,
                  s.column ? call->key_tiles : 1};
}

size_t heed_attention_backward_additive_tasks(const HeedAttentionBackwardCall *call) {
  const HeedAttentionShape *s = &call->shape->forward;
  if (s->query_length == 0 || s->key_length == 0) return 0;
  const Owners owners = owners_of(call);
  return owners.batch * owners.head * owners.query * owners.key;
}

#define SUM_FLOATS ((size_t)HEED_ATTENTION_KEY_TILE * HEED_ATTENTION_QUERY_GROUP)

size_t heed_attention_backward_additive_scratch(const HeedAttentionBackwardCall *call) {
  const size_t walk = heed_attention_backward_scratch(call, 0, call->block_tiles);
  return walk == 0 ? 0 : heed_size_sum(walk, SUM_FLOATS);
}

// dA of the owner's tile, whose first query is `first`.
static void finish(const HeedAttentionBackwardCall *call, const float *sum, float *target, size_t keys, size_t first, size_t queries) {
  const HeedAttentionStrides s = call->shape->d_additive;
  const size_t most = HEED_ATTENTION_QUERY_GROUP, rows = s.row ? queries : 1, columns = s.column ? keys : 1;
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      double total = 0;
      for (size_t key = j; key < (s.column ? j + 1 : (size_t)HEED_ATTENTION_KEY_TILE); key++)
        for (size_t query = i; query < (s.row ? i + 1 : most); query++) total += (double)sum[key * most + (first + query) % most];
      target[(ptrdiff_t)i * s.row + (ptrdiff_t)j * s.column] = (float)total + 0.0f; // no zero is negative
    }
}

void heed_attention_backward_additive(void *context, size_t task, size_t worker) {
  const HeedAttentionBackwardCall *call = context;
  const HeedAttentionShape *s = &call->shape->forward;
  const HeedAttentionStrides strides = call->shape->d_additive;
  const Owners owners = owners_of(call);
  const size_t key = task % owners.key, query = task / owners.key % owners.query;
  const size_t head = task / owners.key / owners.query % owners.head, batch = task / owners.key / owners.query / owners.head;
  float *sum = call->scratch + worker * call->scratch_stride;
  memset(sum, 0, SUM_FLOATS * sizeof *sum);
  HeedAttentionBackwardWalk walk = {
      .query_begin = query,
      .query_end = strides.row ? query + 1 : call->query_tiles,
      .key_begin = key,
      .key_end = strides.column ? key + 1 : call->key_tiles,
      .additive_sum = sum,
  };
  for (walk.batch = batch; walk.batch < (strides.batch ? batch + 1 : s->batch); walk.batch++)
    for (walk.head = head; walk.head < (strides.head ? head + 1 : s->heads); walk.head++)
      heed_attention_backward_walk(call, &walk, sum + SUM_FLOATS);
  const size_t most = call->kernels->attention.query_tile, first_query = query * most, first_key = key * HEED_ATTENTION_KEY_TILE;
  const size_t queries = s->query_length - first_query, keys = s->key_length - first_key;
  finish(call, sum,
         call->gradients->d_additive + heed_attention_row_offset(strides, batch, head, first_query) + (ptrdiff_t)first_key * strides.column,
         heed_size_min(keys, HEED_ATTENTION_KEY_TILE), first_query, heed_size_min(queries, most));
}
