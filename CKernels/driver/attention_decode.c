// Attention forward for a few queries: checks, one task a chunk of keys of one key/value head, the chunks merged from left to right.

#include <string.h>

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
  size_t rows;      // queries that share a key/value head: those of its heads, head by head
  size_t chunks;    // of the whole key length
  size_t tasks;     // B * G * chunks
  float *queries;   // [B, G, rows, D], scaled, in base 2
  size_t *visible;  // [2, B, G, chunks, rows] where in the chunk a row begins and ceases to see keys
  float *parts;     // [B, G, chunks, rows, E]
  float *max, *sum; // [B, G, chunks, rows]
} Call;

static void attend_chunk(void *context, size_t task, size_t worker) {
  (void)worker;
  const Call *call = context;
  const HeedAttentionShape *s = call->shape;
  const size_t chunk = task % call->chunks, pair = task / call->chunks, group = pair % s->key_value_heads,
               batch = pair / s->key_value_heads;
  const ptrdiff_t b = (ptrdiff_t)batch, g = (ptrdiff_t)group, first = (ptrdiff_t)(chunk * call->kernels->attention_key_chunk);
  const HeedAttentionDecode decode = {
      .rows = call->rows,
      .head_dim = s->head_dim,
      .value_dim = s->value_dim,
      .query = call->queries + pair * call->rows * s->head_dim,
      .first = call->visible + task * call->rows,
      .visible = call->visible + (call->tasks + task) * call->rows,
      .key = call->inputs->key + b * s->key.batch + g * s->key.head + first * s->key.row,
      .key_row = s->key.row,
      .value = call->inputs->value + b * s->value.batch + g * s->value.head + first * s->value.row,
      .value_row = s->value.row,
      .output = call->parts + task * call->rows * s->value_dim,
      .max = call->max + task * call->rows,
      .sum = call->sum + task * call->rows,
  };
  call->kernels->attention_decode_forward(&decode);
}

// How far `key` lies into a chunk of `step` keys that begins at `first`.
static size_t keys_into(size_t key, size_t first, size_t step) { return key <= first ? 0 : (key - first < step ? key - first : step); }

// Packs the queries of one key/value head and counts what each of its rows sees of every chunk.
static void prepare_pair(const Call *call, size_t pair) {
  const HeedAttentionShape *s = call->shape;
  const size_t group = pair % s->key_value_heads, batch = pair / s->key_value_heads, heads = s->heads / s->key_value_heads;
  const float factor = (float)((double)s->scale * 0x1.71547652b82fep+0);
  const size_t step = call->kernels->attention_key_chunk;
  float *target = call->queries + pair * call->rows * s->head_dim;
  for (size_t row = 0; row < call->rows; row++) {
    const size_t head = group * heads + row / s->query_length, i = row % s->query_length;
    const float *source =
        call->inputs->query + (ptrdiff_t)batch * s->query.batch + (ptrdiff_t)head * s->query.head + (ptrdiff_t)i * s->query.row;
    for (size_t d = 0; d < s->head_dim; d++) *target++ = source[(ptrdiff_t)d * s->query.column] * factor;
    const size_t end = heed_attention_visible_prefix(s, call->inputs, batch, i), begin = heed_attention_visible_first(s, i);
    for (size_t chunk = 0; chunk < call->chunks; chunk++) {
      const size_t at = (pair * call->chunks + chunk) * call->rows + row;
      call->visible[at] = keys_into(begin, chunk * step, step);
      call->visible[call->tasks * call->rows + at] = keys_into(end, chunk * step, step);
    }
  }
}

static void merge_pair(const Call *call, size_t pair) {
  const HeedAttentionShape *s = call->shape;
  const HeedAttentionOutputs *out = call->outputs;
  const size_t group = pair % s->key_value_heads, batch = pair / s->key_value_heads, heads = s->heads / s->key_value_heads;
  const size_t first = pair * call->chunks * call->rows;
  for (size_t row = 0; row < call->rows; row++) {
    const size_t head = group * heads + row / s->query_length, i = row % s->query_length;
    call->kernels->attention_decode_merge(
        call->chunks, s->value_dim, call->max + first + row, call->sum + first + row, call->parts + (first + row) * s->value_dim,
        call->rows, call->rows * s->value_dim,
        out->output + (ptrdiff_t)batch * s->output.batch + (ptrdiff_t)head * s->output.head + (ptrdiff_t)i * s->output.row,
        s->output.column, out->log_sum_exp ? out->log_sum_exp + (batch * s->heads + head) * s->query_length + i : NULL);
  }
}

HeedStatus heed_attention_decode_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                         const HeedAttentionOutputs *outputs) {
  const HeedStatus status = heed_attention_check(shape, inputs, outputs);
  if (status != HeedStatusOk) return status;
  if (outputs->weights || inputs->boolean || inputs->additive) return HeedStatusNotSupported;
  if ((shape->key.column != 1 && shape->head_dim > 1) || (shape->value.column != 1 && shape->value_dim > 1)) return HeedStatusBadStride;
  if (shape->batch == 0 || shape->heads == 0 || shape->query_length == 0) return HeedStatusOk;
  const HeedKernels *kernels = heed_kernels();
  const size_t pairs = shape->batch * shape->key_value_heads, rows = shape->heads / shape->key_value_heads * shape->query_length;
  const size_t chunks = shape->key_length ? (shape->key_length - 1) / kernels->attention_key_chunk + 1 : 1;
  const size_t queries = heed_size_product(heed_size_product(pairs, rows), shape->head_dim);
  const size_t tasks = heed_size_product(pairs, chunks), all_rows = heed_size_product(tasks, rows),
               parts = heed_size_product(all_rows, shape->value_dim);
  const size_t floats = heed_size_sum(heed_size_sum(queries, parts), heed_size_product(2, all_rows));
  const size_t bytes = heed_size_sum(heed_size_product(all_rows, 2 * sizeof(size_t)), heed_size_product(floats, sizeof(float)));
  size_t *scratch = heed_scratch_push(bytes);
  if (!scratch) return HeedStatusOutOfMemory;
  float *next = (float *)(scratch + 2 * all_rows);
  const Call call = {kernels,
                     shape,
                     inputs,
                     outputs,
                     rows,
                     chunks,
                     tasks,
                     next,
                     scratch,
                     next + queries,
                     next + queries + parts,
                     next + queries + parts + all_rows};
  for (size_t pair = 0; pair < pairs; pair++) prepare_pair(&call, pair);
  const double flops = 2.0 * (double)(pairs * rows) * (double)shape->key_length * (double)(shape->head_dim + shape->value_dim);
  heed_parallel_for(tasks, heed_parallel_width(tasks, flops), attend_chunk, (void *)&call);
  for (size_t pair = 0; pair < pairs; pair++) merge_pair(&call, pair);
  heed_scratch_pop(scratch);
  return HeedStatusOk;
}
