// Attention forward, tiled: checks, one task per tile of queries, scratch for every worker.

#include "checks/attention_checks.h"
#include "driver/attention/attention_keys.h"
#include "driver/attention/attention_tiles.h"
#include "heed/attention.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

typedef struct Tiles {
  const HeedAttentionCall *call;
  const HeedKernels *kernels;
  const HeedAttentionTiledKernels *tiled; // those of the element
  size_t count;                           // tiles of queries in a head
  float *scratch;
  size_t scratch_stride; // floats from one worker's scratch to the next
} Tiles;

static void run_tile(void *context, size_t task, size_t worker) {
  const Tiles *tiles = context;
  const HeedAttentionCall *call = tiles->call;
  const HeedAttentionShape *s = call->shape;
  // Causal: the last tiles, which see most, go first, so that the workers end together.
  const size_t position = task % tiles->count, tile_index = s->causal ? tiles->count - 1 - position : position;
  const size_t head = task / tiles->count % s->heads, batch = task / tiles->count / s->heads;
  const size_t first = tile_index * tiles->kernels->attention.query_tile;
  HeedAttentionTile tile = heed_attention_tile(s, call->inputs, batch, head, first, tiles->kernels->attention.query_tile);
  if (call->cache) {
    tile.key = tile.value = NULL;
    tile.key_chunks = call->cache->keys;
    tile.value_chunks = call->cache->values;
    tile.cached_row = (batch * s->key_value_heads + heed_attention_group(s, head)) * HEED_CACHE_CHUNK;
  }
  tile.output = s->value_dim > 0 ? call->outputs->output + heed_attention_row_offset(s->output, batch, head, first) : NULL;
  tile.output_row = s->output.row;
  tile.output_column = s->output.column;
  tile.log_sum_exp = call->outputs->log_sum_exp ? call->outputs->log_sum_exp + (batch * s->heads + head) * s->query_length + first : NULL;
  tile.scratch = tiles->scratch + worker * tiles->scratch_stride;
  tiles->tiled->forward(&tile);
}

HeedStatus heed_attention_run_tiled(const HeedAttentionCall *call) {
  const HeedAttentionShape *shape = call->shape;
  const HeedKernels *kernels = heed_kernels();
  const HeedAttentionTiledKernels *tiled =
      shape->element == HeedElementBfloat16 ? &kernels->attention.tiled_bf16 : &kernels->attention.tiled;
  const size_t count = heed_divide_up(shape->query_length, kernels->attention.query_tile);
  const size_t tasks = shape->batch * shape->heads * count;
  if (tasks == 0) return HeedStatusOk;
  const double flops = 2.0 * (double)(shape->batch * shape->heads) * (double)shape->query_length * (double)shape->key_length *
                       (double)(shape->head_dim + shape->value_dim) * (shape->causal ? 0.5 : 1.0);
  const size_t width = heed_parallel_width(tasks, flops);
  const size_t dim_limit = SIZE_MAX >> 20; // broadcast rows may be of any length; more than this is no memory's
  if (shape->head_dim > dim_limit || shape->value_dim > dim_limit) return HeedStatusOutOfMemory;
  const size_t floats = tiled->scratch(shape->head_dim, shape->value_dim);
  const size_t stride = heed_round_up(floats, 16);
  float *scratch = heed_scratch_push(heed_size_product(width, heed_size_product(stride, sizeof(float))));
  if (!scratch) return HeedStatusOutOfMemory;
  Tiles tiles = {call, kernels, tiled, count, scratch, stride};
  heed_parallel_for(tasks, width, run_tile, &tiles);
  heed_scratch_pop(scratch);
  return HeedStatusOk;
}

HeedStatus heed_attention_tiled_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                        const HeedAttentionOutputs *outputs) {
  HEED_ENTRY_FLUSHING_DENORMALS_IF(shape && shape->element == HeedElementBfloat16);
  const HeedStatus status = heed_attention_check(shape, inputs, outputs, true);
  if (status != HeedStatusOk) return status;
  if (outputs->weights || (shape->element == HeedElementBfloat16 && shape->dropout.probability > 0)) return HeedStatusNotSupported;
  return heed_attention_run_tiled(&(HeedAttentionCall){shape, inputs, outputs, NULL});
}
