// Attention forward for a few queries: checks, one task per chunk of keys of one key/value head, the chunks merged from left to right.

#include <string.h>

#include "checks/attention_checks.h"
#include "checks/attention_visibility.h"
#include "driver/attention/attention_keys.h"
#include "runtime/constants.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

typedef struct Decode {
  const HeedAttentionCall *call;
  const HeedKernels *kernels;
  size_t rows;       // queries that share a key/value head: those of its heads, head by head
  size_t chunks;     // of the whole key length
  size_t tasks;      // B * G * chunks
  float scale;       // in base 2
  double factor;     // scale * log2 e
  float *queries;    // [B, G, rows, D]
  size_t *visible;   // [2, B, G, chunks, rows] where in the chunk a row begins and ceases to see keys
  float *parts;      // [B, G, chunks, rows, E]
  float *statistics; // [B, G, chunks, rows, HEED_DECODE_STATISTICS]
} Decode;

static void decode_chunk(void *context, size_t task, size_t worker) {
  (void)worker;
  const Decode *decode = context;
  const HeedAttentionCall *call = decode->call;
  const HeedAttentionShape *s = call->shape;
  const size_t chunk = task % decode->chunks, pair = task / decode->chunks, g = pair % s->key_value_heads, b = pair / s->key_value_heads;
  const HeedAttentionDecode part = {
      .rows = decode->rows,
      .head_dim = s->head_dim,
      .value_dim = s->value_dim,
      .query = decode->queries + pair * decode->rows * s->head_dim,
      .factor = decode->factor,
      .first_key = decode->visible + task * decode->rows,
      .visible = decode->visible + (decode->tasks + task) * decode->rows,
      .key = heed_attention_chunk(call, call->inputs->key, s->key, call->cache ? call->cache->keys : NULL, s->head_dim, b, g, chunk),
      .value =
          heed_attention_chunk(call, call->inputs->value, s->value, call->cache ? call->cache->values : NULL, s->value_dim, b, g, chunk),
      .key_row = s->key.row,
      .value_row = call->cache ? (ptrdiff_t)s->value_dim : s->value.row,
      .key_blocked = call->cache != NULL,
      .bf16 = s->element == HeedElementBfloat16,
      .scale = decode->scale,
      .output = decode->parts + task * decode->rows * s->value_dim,
      .statistics = decode->statistics + task * decode->rows * HEED_DECODE_STATISTICS,
  };
  decode->kernels->attention.decode_forward(&part);
}

// The place of `key` within a chunk of `step` keys that begins at `first`.
static size_t keys_into(size_t key, size_t first, size_t step) { return key <= first ? 0 : heed_size_min(key - first, step); }

// Packs the queries of one key/value head, converting bfloat16, and counts how many keys of every chunk each of its rows sees.
static void prepare_pair(const Decode *decode, size_t pair) {
  const HeedAttentionCall *call = decode->call;
  const HeedAttentionShape *s = call->shape;
  const size_t g = pair % s->key_value_heads, b = pair / s->key_value_heads, heads = s->heads / s->key_value_heads;
  const float *query = call->inputs->query;
  const uint16_t *query_bf16 = call->inputs->query;
  float *target = decode->queries + pair * decode->rows * s->head_dim;
  for (size_t row = 0; row < decode->rows; row++) {
    const size_t h = g * heads + row / s->query_length, i = row % s->query_length;
    const ptrdiff_t source = heed_attention_row_offset(s->query, b, h, i);
    for (size_t d = 0; d < s->head_dim; d++) {
      const ptrdiff_t at = source + (ptrdiff_t)d * s->query.column;
      if (s->element == HeedElementBfloat16) {
        const uint32_t bits = (uint32_t)query_bf16[at] << 16;
        memcpy(target++, &bits, sizeof bits);
      } else {
        *target++ = query[at];
      }
    }
    const size_t end = heed_attention_visible_prefix(s, call->inputs, b, i), begin = heed_attention_visible_first(s, i);
    for (size_t chunk = 0; chunk < decode->chunks; chunk++) {
      const size_t at = (pair * decode->chunks + chunk) * decode->rows + row;
      decode->visible[at] = keys_into(begin, chunk * HEED_CACHE_CHUNK, HEED_CACHE_CHUNK);
      decode->visible[decode->tasks * decode->rows + at] = keys_into(end, chunk * HEED_CACHE_CHUNK, HEED_CACHE_CHUNK);
    }
  }
}

static void merge_pair(const Decode *decode, size_t pair) {
  const HeedAttentionShape *s = decode->call->shape;
  const HeedAttentionOutputs *out = decode->call->outputs;
  const size_t g = pair % s->key_value_heads, b = pair / s->key_value_heads, heads = s->heads / s->key_value_heads;
  const size_t first = pair * decode->chunks * decode->rows;
  for (size_t row = 0; row < decode->rows; row++) {
    const size_t h = g * heads + row / s->query_length, i = row % s->query_length;
    decode->kernels->attention.decode_merge(
        decode->chunks, s->value_dim, decode->statistics + (first + row) * HEED_DECODE_STATISTICS,
        decode->parts + (first + row) * s->value_dim, decode->rows * HEED_DECODE_STATISTICS, decode->rows * s->value_dim,
        s->value_dim > 0 ? out->output + heed_attention_row_offset(s->output, b, h, i) : NULL, s->output.column,
        out->log_sum_exp ? out->log_sum_exp + (b * s->heads + h) * s->query_length + i : NULL);
  }
}

HeedStatus heed_attention_run_decode(const HeedAttentionCall *call) {
  const HeedAttentionShape *shape = call->shape;
  if (shape->batch == 0 || shape->heads == 0 || shape->query_length == 0) return HeedStatusOk;
  const size_t pairs = shape->batch * shape->key_value_heads, rows = shape->heads / shape->key_value_heads * shape->query_length;
  const size_t chunks = shape->key_length ? heed_divide_up(shape->key_length, HEED_CACHE_CHUNK) : 1;
  const size_t queries = heed_size_product(heed_size_product(pairs, rows), shape->head_dim);
  const size_t tasks = heed_size_product(pairs, chunks), all_rows = heed_size_product(tasks, rows);
  const size_t parts = heed_size_product(all_rows, shape->value_dim);
  const size_t floats = heed_size_sum(heed_size_sum(queries, parts), heed_size_product(HEED_DECODE_STATISTICS, all_rows));
  const size_t bytes = heed_size_sum(heed_size_product(all_rows, 2 * sizeof(size_t)), heed_size_product(floats, sizeof(float)));
  size_t *scratch = heed_scratch_push(bytes);
  if (!scratch) return HeedStatusOutOfMemory;
  float *next = (float *)(scratch + 2 * all_rows);
  Decode decode = {.call = call, .kernels = heed_kernels(), .rows = rows, .chunks = chunks, .tasks = tasks, .visible = scratch};
  decode.factor = (double)shape->scale * HEED_LOG2_E;
  decode.scale = (float)decode.factor;
  decode.queries = next, next += queries;
  decode.parts = next, next += parts;
  decode.statistics = next;
  for (size_t pair = 0; pair < pairs; pair++) prepare_pair(&decode, pair);
  const double flops = 2.0 * (double)(pairs * rows) * (double)shape->key_length * (double)(shape->head_dim + shape->value_dim);
  heed_parallel_for(tasks, heed_parallel_width(tasks, flops), decode_chunk, &decode);
  for (size_t pair = 0; pair < pairs; pair++) merge_pair(&decode, pair);
  heed_scratch_pop(scratch);
  return HeedStatusOk;
}

HeedStatus heed_attention_decode_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                         const HeedAttentionOutputs *outputs) {
  HEED_ENTRY_FLUSHING_DENORMALS_IF(shape && shape->element == HeedElementBfloat16);
  const HeedStatus status = heed_attention_check(shape, inputs, outputs, true);
  if (status != HeedStatusOk) return status;
  if (outputs->weights || inputs->boolean || inputs->additive || shape->dropout.probability > 0) return HeedStatusNotSupported;
  if ((shape->key.column != 1 && shape->head_dim > 1) || (shape->value.column != 1 && shape->value_dim > 1)) return HeedStatusBadStride;
  return heed_attention_run_decode(&(HeedAttentionCall){shape, inputs, outputs, NULL});
}
