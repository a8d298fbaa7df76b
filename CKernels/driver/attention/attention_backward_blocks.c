// One walk of the tiled backward pass. Letters as in attention.h.

#include "driver/attention/attention_backward_blocks.h"

#include <string.h>

#include "runtime/sizes.h"

// A worker's scratch.
typedef struct Scratch {
  float *query_lanes, *query_rows, *d_output_lanes, *d_output_rows; // one tile of queries, packed
  float *pair;
  float *key, *value, *key_sum, *value_sum; // one block of keys
  float *key_part, *value_part;
  float *query_sum; // [tiles of queries][D][query tile]
} Scratch;

static size_t key_rows(size_t block_tiles) { return block_tiles * HEED_ATTENTION_KEY_TILE; }

// The sizes of the arrays, in the order of `Scratch`.
#define ARRAYS 12
static void sizes(const HeedAttentionBackwardCall *call, size_t query_tiles, size_t block_tiles, size_t size[ARRAYS]) {
  const size_t tile = call->kernels->attention.query_tile, keys = key_rows(block_tiles);
  const size_t D = call->shape->forward.head_dim, E = call->shape->forward.value_dim;
  size[0] = heed_size_product(tile, D);
  size[1] = heed_size_product(tile, call->query_width);
  size[2] = heed_size_product(tile, E);
  size[3] = heed_size_product(tile, call->value_width);
  size[4] = call->kernels->attention_backward.pair_scratch;
  size[5] = heed_size_product(keys, D);
  size[6] = heed_size_product(keys, E);
  size[7] = heed_size_product(keys, call->query_width);
  size[8] = heed_size_product(keys, call->value_width);
  size[9] = size[7];
  size[10] = size[8];
  size[11] = heed_size_product(query_tiles, size[0]);
}

size_t heed_attention_backward_scratch(const HeedAttentionBackwardCall *call, size_t query_tiles, size_t block_tiles) {
  size_t size[ARRAYS], total = 0;
  sizes(call, query_tiles, block_tiles, size);
  for (int i = 0; i < ARRAYS; i++) total = heed_size_sum(total, heed_size_sum(size[i], 15));
  return total > SIZE_MAX / 2 ? 0 : heed_round_up(total, 16);
}

static Scratch carve(const HeedAttentionBackwardCall *call, size_t block_tiles, float *scratch) {
  size_t size[ARRAYS];
  float *array[ARRAYS];
  sizes(call, 0, block_tiles, size);
  for (int i = 0; i < ARRAYS; i++) array[i] = scratch, scratch += heed_round_up(size[i], 16);
  return (Scratch){array[0], array[1], array[2], array[3], array[4],  array[5],
                   array[6], array[7], array[8], array[9], array[10], array[11]};
}

static HeedAttentionBackwardQueries describe(const HeedAttentionBackwardCall *call, const HeedAttentionTile *tile, size_t batch,
                                             size_t head, size_t query_tile) {
  const HeedAttentionBackwardShape *s = call->shape;
  const HeedAttentionBackwardInputs *in = call->inputs;
  const size_t most = call->kernels->attention.query_tile, first = query_tile * most, row = batch * s->forward.heads + head;
  const bool summed = s->forward.value_dim > 0; // an empty array may be null
  return (HeedAttentionBackwardQueries){
      .tile = tile,
      .first_query = first,
      .query_length = s->forward.query_length,
      .output = summed ? in->output + heed_attention_row_offset(s->forward.output, batch, head, first) : NULL,
      .d_output = summed ? in->d_output + heed_attention_row_offset(s->d_output, batch, head, first) : NULL,
      .output_row = s->forward.output.row,
      .output_column = s->forward.output.column,
      .d_output_row = s->d_output.row,
      .d_output_column = s->d_output.column,
      .log_sum_exp = in->log_sum_exp + row * s->forward.query_length + first,
      .statistics = call->statistics + (row * call->query_tiles + query_tile) * HEED_ATTENTION_STATISTICS * most,
  };
}

void heed_attention_backward_statistics(const HeedAttentionBackwardCall *call, size_t batch, size_t head, size_t query_tile,
                                        float *scratch) {
  const size_t most = call->kernels->attention.query_tile;
  const HeedAttentionTile tile = heed_attention_tile(&call->shape->forward, &call->inputs->forward, batch, head, query_tile * most, most);
  const HeedAttentionBackwardQueries queries = describe(call, &tile, batch, head, query_tile);
  call->kernels->attention_backward.statistics(&queries, scratch);
}

// One block of keys of one head.
typedef struct Block {
  const HeedAttentionBackwardCall *call;
  const HeedAttentionBackwardWalk *walk;
  const Scratch *scratch;
  size_t first_key, rows, seen;                    // position of its first key, keys, and those of them below the sequence's length
  bool finite[HEED_ATTENTION_BACKWARD_BLOCK_MOST]; // of each tile's keys
  size_t open[HEED_ATTENTION_BACKWARD_BLOCK_MOST]; // and the group of queries whose terms stand apart from their sums
} Block;

// The tile of keys that begins at the block's key `row`.
static HeedAttentionBackwardKeys keys_at(Block *block, size_t row) {
  const HeedAttentionBackwardCall *call = block->call;
  const HeedAttentionBackwardWalk *walk = block->walk;
  const Scratch *scratch = block->scratch;
  const size_t left = block->seen - row;
  HeedAttentionBackwardKeys keys = {
      .first_key = block->first_key + row,
      .count = heed_size_min(left, HEED_ATTENTION_KEY_TILE),
      .key = scratch->key + row * call->shape->forward.head_dim,
      .value = scratch->value + row * call->shape->forward.value_dim,
      .key_finite = block->finite[row / HEED_ATTENTION_KEY_TILE],
      .key_part = scratch->key_part + row * call->query_width,
      .value_part = scratch->value_part + row * call->value_width,
      .open = &block->open[row / HEED_ATTENTION_KEY_TILE],
  };
  if (walk->takes_key) keys.key_sum = scratch->key_sum + row * call->query_width;
  if (walk->takes_value) keys.value_sum = scratch->value_sum + row * call->value_width;
  return keys;
}

static void pack_block(Block *block) {
  const HeedAttentionBackwardCall *call = block->call;
  const HeedAttentionShape *s = &call->shape->forward;
  const float *key = call->inputs->forward.key, *value = call->inputs->forward.value;
  const HeedAttentionBackwardKernels *kernels = &call->kernels->attention_backward;
  const size_t g = heed_attention_group(s, block->walk->head), b = block->walk->batch, D = s->head_dim, E = s->value_dim;
  for (size_t row = 0; row < block->seen; row += HEED_ATTENTION_KEY_TILE) {
    const size_t left = block->seen - row, rows = heed_size_min(left, HEED_ATTENTION_KEY_TILE), at = block->first_key + row;
    block->finite[row / HEED_ATTENTION_KEY_TILE] =
        D == 0 || kernels->pack_keys(key + heed_attention_row_offset(s->key, b, g, at), s->key.row, s->key.column, rows, D,
                                     block->scratch->key + row * D);
    if (E > 0)
      kernels->pack_keys(value + heed_attention_row_offset(s->value, b, g, at), s->value.row, s->value.column, rows, E,
                         block->scratch->value + row * E);
  }
}

// The sums of dK or dV of a block, from zero or from the sums that the head before left in the gradient.
static void begin_sum(const Block *block, float *sum, size_t width, const float *gradient, HeedAttentionStrides strides, size_t columns) {
  const HeedAttentionBackwardWalk *walk = block->walk;
  if (walk->first) {
    memset(sum, 0, block->rows * width * sizeof *sum);
    return;
  }
  const size_t g = heed_attention_group(&block->call->shape->forward, walk->head);
  block->call->kernels->attention_backward.resume_keys(gradient + heed_attention_row_offset(strides, walk->batch, g, block->first_key),
                                                       strides.row, strides.column, block->rows, columns, sum);
}

static void end_sum(const Block *block, const float *sum, float factor, float *gradient, HeedAttentionStrides strides, size_t columns) {
  const HeedAttentionBackwardWalk *walk = block->walk;
  const size_t g = heed_attention_group(&block->call->shape->forward, walk->head);
  block->call->kernels->attention_backward.finish_keys(sum, walk->last ? factor : 1.0f, block->rows, columns,
                                                       gradient + heed_attention_row_offset(strides, walk->batch, g, block->first_key),
                                                       strides.row, strides.column);
}

// One tile of queries against the block.
static void walk_queries(Block *block, size_t query_tile) {
  const HeedAttentionBackwardCall *call = block->call;
  const HeedAttentionBackwardWalk *walk = block->walk;
  const HeedAttentionShape *s = &call->shape->forward;
  const Scratch *scratch = block->scratch;
  const size_t most = call->kernels->attention.query_tile, first = query_tile * most, D = s->head_dim;
  const size_t last = s->query_length - first < most ? s->query_length - 1 : first + most - 1;
  // The keys of the last row end furthest right, those of the first row begin furthest left.
  const size_t begin = heed_attention_visible_first(s, first);
  const size_t end = heed_attention_visible_prefix(s, &call->inputs->forward, walk->batch, last);
  if (end <= block->first_key || begin >= block->first_key + block->seen) return;
  const HeedAttentionTile tile = heed_attention_tile(s, &call->inputs->forward, walk->batch, walk->head, first, most);
  HeedAttentionBackwardQueries queries = describe(call, &tile, walk->batch, walk->head, query_tile);
  queries.query_lanes = scratch->query_lanes;
  queries.query_rows = scratch->query_rows;
  queries.d_output_lanes = scratch->d_output_lanes;
  queries.d_output_rows = scratch->d_output_rows;
  call->kernels->attention_backward.pack_queries(&queries);
  const HeedAttentionBackwardSums sums = {
      .query_sum = walk->takes_query ? scratch->query_sum + (query_tile - walk->query_begin) * D * most : NULL,
      .additive_sum = walk->additive_sum,
      .scratch = scratch->pair,
  };
  for (size_t row = 0; row < block->seen; row += HEED_ATTENTION_KEY_TILE) {
    const size_t at = block->first_key + row;
    if (end <= at || begin >= at + HEED_ATTENTION_KEY_TILE) continue;
    const HeedAttentionBackwardKeys keys = keys_at(block, row);
    call->kernels->attention_backward.pair(&queries, &keys, &sums);
  }
}

static void walk_block(Block *block) {
  const HeedAttentionBackwardCall *call = block->call;
  const HeedAttentionBackwardWalk *walk = block->walk;
  const HeedAttentionBackwardShape *s = call->shape;
  const HeedAttentionGradients *out = call->gradients;
  const Scratch *scratch = block->scratch;
  const size_t D = s->forward.head_dim, E = s->forward.value_dim;
  const bool takes_key = walk->takes_key && D > 0, takes_value = walk->takes_value && E > 0;
  if (takes_key) begin_sum(block, scratch->key_sum, call->query_width, out->d_key, s->d_key, D);
  if (takes_value) begin_sum(block, scratch->value_sum, call->value_width, out->d_value, s->d_value, E);
  if (block->seen > 0) {
    pack_block(block);
    for (size_t tile = walk->query_begin; tile < walk->query_end; tile++) walk_queries(block, tile);
    for (size_t row = 0; row < block->seen; row += HEED_ATTENTION_KEY_TILE) {
      const HeedAttentionBackwardKeys keys = keys_at(block, row);
      call->kernels->attention_backward.close_group(&keys, D, E);
    }
  }
  if (takes_key) end_sum(block, scratch->key_sum, s->forward.scale, out->d_key, s->d_key, D);
  if (takes_value) end_sum(block, scratch->value_sum, 1.0f, out->d_value, s->d_value, E);
}

void heed_attention_backward_walk(const HeedAttentionBackwardCall *call, const HeedAttentionBackwardWalk *walk, float *memory) {
  const HeedAttentionBackwardShape *s = call->shape;
  const HeedAttentionInputs *in = &call->inputs->forward;
  const size_t most = call->kernels->attention.query_tile, D = s->forward.head_dim;
  const Scratch scratch = carve(call, call->block_tiles, memory);
  if (walk->takes_query) memset(scratch.query_sum, 0, (walk->query_end - walk->query_begin) * D * most * sizeof(float));
  const size_t end = heed_size_min(key_rows(walk->key_end), s->forward.key_length);
  const size_t length = in->key_lengths ? (size_t)in->key_lengths[walk->batch] : s->forward.key_length;
  for (size_t first = key_rows(walk->key_begin); first < end; first += key_rows(call->block_tiles)) {
    Block block = {.call = call, .walk = walk, .scratch = &scratch, .first_key = first};
    block.rows = heed_size_min(end - first, key_rows(call->block_tiles));
    for (size_t i = 0; i < HEED_ATTENTION_BACKWARD_BLOCK_MOST; i++) block.open[i] = HEED_ATTENTION_NO_QUERY_GROUP;
    block.seen = length <= first ? 0 : heed_size_min(length - first, block.rows);
    walk_block(&block);
  }
  if (!walk->takes_query || D == 0) return;
  for (size_t tile = walk->query_begin; tile < walk->query_end; tile++) {
    const size_t first = tile * most, left = s->forward.query_length - first;
    float *target = call->gradients->d_query + heed_attention_row_offset(s->d_query, walk->batch, walk->head, first);
    call->kernels->attention_backward.finish_queries(scratch.query_sum + (tile - walk->query_begin) * D * most, s->forward.scale,
                                                     heed_size_min(left, most), D, target, s->d_query.row, s->d_query.column);
  }
}
