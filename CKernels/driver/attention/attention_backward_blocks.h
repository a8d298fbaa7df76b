// Private: how the tiled backward pass of attention walks one head: blocks of keys, packed once, against tiles of queries.

#ifndef HEED_ATTENTION_BACKWARD_BLOCKS_H
#define HEED_ATTENTION_BACKWARD_BLOCKS_H

#include "driver/attention/attention_tiles.h"
#include "heed/attention.h"

// The most tiles of keys in a block.
#define HEED_ATTENTION_BACKWARD_BLOCK_MOST 8

// A call, checked, and how it is cut.
typedef struct HeedAttentionBackwardCall {
  const HeedAttentionBackwardShape *shape;
  const HeedAttentionBackwardInputs *inputs;
  const HeedAttentionGradients *gradients;
  const HeedKernels *kernels;
  size_t query_tiles, key_tiles;   // of a head
  size_t block_tiles;              // tiles of keys in a block that is packed together
  size_t query_width, value_width; // D and E rounded up to the lanes
  float *statistics;               // [B, H, query_tiles][HEED_ATTENTION_STATISTICS][query tile]
  float *scratch;                  // of the workers
  size_t scratch_stride;
} HeedAttentionBackwardCall;

// The part of one query head that a task walks, and the sums that it computes.
typedef struct HeedAttentionBackwardWalk {
  size_t batch, head;
  size_t query_begin, query_end; // tiles of queries
  size_t key_begin, key_end;     // tiles of keys
  bool takes_query, takes_key, takes_value;
  bool first, last;    // of the heads that share the keys: dK and dV begin at zero, or at the sums of the head before
  float *additive_sum; // one tile that every pair adds to, or null
} HeedAttentionBackwardWalk;

// Floats of scratch for walks over at most that many tiles of queries and blocks of at most `block_tiles` tiles of keys; 0 where they
// overflow.
size_t heed_attention_backward_scratch(const HeedAttentionBackwardCall *call, size_t query_tiles, size_t block_tiles);

void heed_attention_backward_walk(const HeedAttentionBackwardCall *call, const HeedAttentionBackwardWalk *walk, float *scratch);

// Fills the call's statistics for one tile of queries; `scratch` is of the kernels' statistics_scratch.
void heed_attention_backward_statistics(const HeedAttentionBackwardCall *call, size_t batch, size_t head, size_t query_tile,
                                        float *scratch);

// dA: tasks, each the owner of one tile of dA (of one number if dA is summed over queries and keys), floats of scratch, and the task
// itself, whose context is a HeedAttentionBackwardCall.
size_t heed_attention_backward_additive_tasks(const HeedAttentionBackwardCall *call);
size_t heed_attention_backward_additive_scratch(const HeedAttentionBackwardCall *call);
void heed_attention_backward_additive(void *context, size_t task, size_t worker);

#endif
