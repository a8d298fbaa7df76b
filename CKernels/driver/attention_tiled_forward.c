// Attention forward, tiled: checks, one task a tile of queries, scratch for every worker.

#include "attention.h"
#include "attention_checks.h"
#include "attention_index.h"
#include "dispatch.h"
#include "parallel.h"
#include "scratch.h"

typedef struct Call {
  const HeedKernels *kernels;
  const HeedAttentionShape *shape;
  const HeedAttentionInputs *inputs;
  const HeedAttentionOutputs *outputs;
  size_t tiles; // tiles of queries in a head
  float *scratch;
  size_t scratch_stride; // floats from one worker's scratch to the next
  void (*kernel)(const HeedAttentionTile *tile);
  size_t element; // bytes of a query's, key's or value's number
} Call;

static const void *at(const Call *call, const void *base, ptrdiff_t elements) {
  return (const char *)base + elements * (ptrdiff_t)call->element;
}

static void attend_tile(void *context, size_t task, size_t worker) {
  const Call *call = context;
  const HeedAttentionShape *s = call->shape;
  const HeedAttentionInputs *in = call->inputs;
  // Causal: the last tiles, which see most, go first, so that the workers end together.
  const size_t position = task % call->tiles, tile_index = s->causal ? call->tiles - 1 - position : position;
  const size_t head = task / call->tiles % s->heads, batch = task / call->tiles / s->heads;
  const size_t group = head / (s->heads / s->key_value_heads);
  const size_t first = tile_index * call->kernels->attention_query_tile, left = s->query_length - first;
  const ptrdiff_t b = (ptrdiff_t)batch, h = (ptrdiff_t)head, g = (ptrdiff_t)group, i = (ptrdiff_t)first;
  const HeedAttentionTile tile = {
      .queries = left < call->kernels->attention_query_tile ? left : call->kernels->attention_query_tile,
      .keys = in->key_lengths ? (size_t)in->key_lengths[batch] : s->key_length,
      .head_dim = s->head_dim,
      .value_dim = s->value_dim,
      .query = at(call, in->query, b * s->query.batch + h * s->query.head + i * s->query.row),
      .key = at(call, in->key, b * s->key.batch + g * s->key.head),
      .value = at(call, in->value, b * s->value.batch + g * s->value.head),
      .query_row = s->query.row,
      .query_column = s->query.column,
      .key_row = s->key.row,
      .key_column = s->key.column,
      .value_row = s->value.row,
      .value_column = s->value.column,
      .visible_first = heed_attention_visible_below(s, first),
      .window = heed_attention_window(s),
      .boolean = in->boolean ? in->boolean + b * s->boolean.batch + h * s->boolean.head + i * s->boolean.row : NULL,
      .additive = in->additive ? in->additive + b * s->additive.batch + h * s->additive.head + i * s->additive.row : NULL,
      .boolean_row = s->boolean.row,
      .boolean_column = s->boolean.column,
      .additive_row = s->additive.row,
      .additive_column = s->additive.column,
      .scale = s->scale,
      .output = call->outputs->output + b * s->output.batch + h * s->output.head + i * s->output.row,
      .output_row = s->output.row,
      .output_column = s->output.column,
      .log_sum_exp = call->outputs->log_sum_exp ? call->outputs->log_sum_exp + (batch * s->heads + head) * s->query_length + first : NULL,
      .scratch = call->scratch + worker * call->scratch_stride,
  };
  call->kernel(&tile);
}

// `inputs` of bfloat16 come with their pointers as they are.
static HeedStatus run(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs, const HeedAttentionOutputs *outputs, bool bf16) {
  const HeedStatus status = heed_attention_check(shape, inputs, outputs);
  if (status != HeedStatusOk) return status;
  if (outputs->weights) return HeedStatusNotSupported;
  const HeedKernels *kernels = heed_kernels();
  const size_t tiles = (shape->query_length + kernels->attention_query_tile - 1) / kernels->attention_query_tile;
  const size_t tasks = shape->batch * shape->heads * tiles;
  if (tasks == 0) return HeedStatusOk;
  const double flops = 2.0 * (double)(shape->batch * shape->heads) * (double)shape->query_length * (double)shape->key_length *
                       (double)(shape->head_dim + shape->value_dim) * (shape->causal ? 0.5 : 1.0);
  const size_t width = heed_parallel_width(tasks, flops);
  const size_t dim_limit = SIZE_MAX >> 20; // broadcast rows may be of any length; more than this is no memory's
  if (shape->head_dim > dim_limit || shape->value_dim > dim_limit) return HeedStatusOutOfMemory;
  const size_t floats =
      (bf16 ? kernels->attention_tiled_bf16_scratch : kernels->attention_tiled_scratch)(shape->head_dim, shape->value_dim);
  const size_t stride = (floats + 15) / 16 * 16;
  float *scratch = heed_scratch_push(heed_size_product(width, heed_size_product(stride, sizeof(float))));
  if (!scratch) return HeedStatusOutOfMemory;
  Call call = {kernels,
               shape,
               inputs,
               outputs,
               tiles,
               scratch,
               stride,
               bf16 ? kernels->attention_tiled_bf16_forward : kernels->attention_tiled_forward,
               bf16 ? sizeof(uint16_t) : sizeof(float)};
  heed_parallel_for(tasks, width, attend_tile, &call);
  heed_scratch_pop(scratch);
  return HeedStatusOk;
}

HeedStatus heed_attention_tiled_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                        const HeedAttentionOutputs *outputs) {
  return run(shape, inputs, outputs, false);
}

HeedStatus heed_attention_tiled_bf16_forward(const HeedAttentionShape *shape, const HeedAttentionBf16Inputs *inputs,
                                             const HeedAttentionOutputs *outputs) {
  if (!inputs) return HeedStatusBadArgument;
  const HeedAttentionInputs common = {(const float *)(const void *)inputs->query,
                                      (const float *)(const void *)inputs->key,
                                      (const float *)(const void *)inputs->value,
                                      inputs->key_lengths,
                                      inputs->boolean,
                                      inputs->additive};
  return run(shape, &common, outputs, true);
}
