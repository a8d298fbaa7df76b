// Attention as a framework does it without a fused kernel: a matrix product, a softmax over rows and a matrix product, with the scores of
// all heads stored. Letters as in attention.h.
//
// A task takes a block of rows of one head through the three steps:
//
//   S <- scale * Q K^T     [rows, Nk], in scratch or where the weights are wanted P <- softmax of S under the masks, in place O <- P
//   V               hidden weights are +0; if a hidden value may be NaN or infinite, row by row without hidden values

#include <math.h>

#include "checks/attention_checks.h"
#include "checks/attention_visibility.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/tasks.h"
#include "table/dispatch.h"

// Rows per task: enough that packing K costs little in comparison, fewer if there were too few tasks to share.
#define BLOCK_ROWS       192
#define BLOCK_ROWS_LEAST 48 // 8 register blocks of 6

typedef struct Materialized {
  const HeedKernels *kernels;
  const HeedAttentionShape *shape;
  const HeedAttentionInputs *inputs;
  const HeedAttentionOutputs *outputs;
  size_t b;          // the current batch element
  float *scores;     // [H, Nq, scores_row] of that element
  size_t scores_row; // Nk, or more in scratch: a row stride of whole pages makes the rows of a block collide in the cache
  size_t block_rows, blocks;
  char *scratch; // of the workers
  size_t scratch_stride, gemm_bytes, line_bytes;
} Materialized;

// A worker's scratch.
typedef struct Lines {
  float *gemm;             // of the matrix product
  float *additive;         // a row of the mask, gathered
  uint8_t *boolean, *seen; // the same; the keys that a row sees
  float *log_sum_exp;      // of the block's rows
} Lines;

static Lines carve(const Materialized *call, size_t worker) {
  char *p = call->scratch + worker * call->scratch_stride;
  Lines lines = {.gemm = (float *)(void *)p};
  p += call->gemm_bytes;
  lines.additive = (float *)(void *)p, p += call->line_bytes * sizeof(float);
  lines.boolean = (uint8_t *)p, p += call->line_bytes;
  lines.seen = (uint8_t *)p, p += call->line_bytes;
  lines.log_sum_exp = (float *)(void *)p;
  return lines;
}

// P[i,:] <- softmax of S[i,:] under the row's masks.
static void materialized_softmax_row(const Materialized *call, const Lines *lines, size_t h, size_t i, float *scores, float *log_sum_exp) {
  const HeedAttentionRowMask mask = heed_attention_row_mask(call->shape, call->inputs, call->b, h, i);
  const size_t first = heed_size_min(mask.first_key, mask.prefix);
  for (size_t j = 0; j < first; j++) scores[j] = 0.0f;
  HeedSoftmaxRow row = {
      .columns = call->shape->key_length - first,
      .visible = mask.prefix - first,
      .input = scores + first,
      .output = scores + first,
      .boolean = mask.boolean ? mask.boolean + (ptrdiff_t)first * mask.boolean_step : NULL,
      .additive = mask.additive ? mask.additive + (ptrdiff_t)first * mask.additive_step : NULL,
      .scale = 1.0f, // the matrix product has applied the scale
      .log_sum_exp = log_sum_exp,
  };
  if (mask.boolean && mask.boolean_step != 1) {
    for (size_t j = 0; j < row.visible; j++) lines->boolean[j] = row.boolean[(ptrdiff_t)j * mask.boolean_step];
    row.boolean = lines->boolean;
  }
  if (mask.additive && mask.additive_step != 1) {
    for (size_t j = 0; j < row.visible; j++) lines->additive[j] = row.additive[(ptrdiff_t)j * mask.additive_step];
    row.additive = lines->additive;
  }
  call->kernels->softmax.row(&row);
}

// The caller gets P[i,:] as it was, if asked for; dropout is applied to the rest.
static void drop_row(const Materialized *call, size_t h, size_t i, float *weights) {
  const HeedAttentionShape *s = call->shape;
  const size_t Nk = s->key_length, matrix = call->b * s->heads + h;
  float *kept = call->outputs->weights ? call->outputs->weights + (matrix * s->query_length + i) * Nk : NULL;
  for (size_t j = 0; kept && j < Nk; j++) kept[j] = weights[j];
  const HeedRandom random = {s->dropout.seed, heed_random_row(s->dropout.offset + matrix, i), 0};
  call->kernels->random.dropout(&random, s->dropout.probability, heed_dropout_factor(s->dropout.probability), Nk, weights, weights);
}

// O[i,:] <- sum of P[i,j] V[j,:] over the keys that row i sees.
static void values_row(const Materialized *call, const Lines *lines, size_t h, size_t i, const float *weights, const float *values,
                       float *output) {
  const HeedAttentionShape *s = call->shape;
  const HeedAttentionRowMask mask = heed_attention_row_mask(s, call->inputs, call->b, h, i);
  for (size_t j = 0; j < mask.prefix; j++) lines->seen[j] = heed_attention_sees(&mask, j);
  const HeedAttentionWeightedSum row = {
      .keys = mask.prefix,
      .value_dim = s->value_dim,
      .weights = weights,
      .seen = lines->seen,
      .value = values,
      .value_row = s->value.row,
      .value_column = s->value.column,
      .output = output,
      .output_column = s->output.column,
  };
  call->kernels->attention.weighted_sum_seen(&row);
}

// A row that sees nothing is zero, whatever V holds, and no zero is negative.
static void finish_row(const HeedAttentionShape *s, float log_sum_exp, float *output) {
  const bool empty = log_sum_exp == -INFINITY;
  for (size_t e = 0; e < s->value_dim; e++, output += s->output.column) *output = empty ? 0.0f : *output + 0.0f;
}

static void score_block(const Materialized *call, const Lines *lines, size_t h, size_t first, size_t rows, float *scores) {
  const HeedAttentionShape *s = call->shape;
  const bool reads = s->head_dim > 0; // an empty array may be null
  const HeedGemmTile product = {
      .rows = rows,
      .columns = s->key_length,
      .depth = s->head_dim,
      .a = reads ? (const float *)call->inputs->query + heed_attention_row_offset(s->query, call->b, h, first) : NULL,
      .a_row = s->query.row,
      .a_column = s->query.column,
      .b = reads && s->key_length > 0
               ? (const float *)call->inputs->key + heed_attention_row_offset(s->key, call->b, heed_attention_group(s, h), 0)
               : NULL,
      .b_row = s->key.column,
      .b_column = s->key.row,
      .c = scores,
      .c_row = (ptrdiff_t)call->scores_row,
      .c_column = 1,
      .alpha = s->scale,
      .scratch = lines->gemm,
  };
  call->kernels->gemm.f32.tile(&product);
}

static void value_block(const Materialized *call, const Lines *lines, size_t h, size_t first, size_t rows, const float *weights) {
  const HeedAttentionShape *s = call->shape;
  const HeedAttentionInputs *in = call->inputs;
  if (s->value_dim == 0) return; // an empty array may be null
  float *output = call->outputs->output + heed_attention_row_offset(s->output, call->b, h, first);
  const float *values =
      s->key_length > 0 ? (const float *)in->value + heed_attention_row_offset(s->value, call->b, heed_attention_group(s, h), 0) : NULL;
  const bool masked = s->causal || in->key_lengths || in->boolean || in->additive;
  if (masked && !call->kernels->matrix.is_finite(values, s->value.row, s->value.column, s->key_length, s->value_dim)) {
    for (size_t r = 0; r < rows; r++)
      values_row(call, lines, h, first + r, weights + r * call->scores_row, values, output + (ptrdiff_t)r * s->output.row);
  } else {
    const HeedGemmTile product = {
        .rows = rows,
        .columns = s->value_dim,
        .depth = s->key_length,
        .a = weights,
        .a_row = (ptrdiff_t)call->scores_row,
        .a_column = 1,
        .b = values,
        .b_row = s->value.row,
        .b_column = s->value.column,
        .c = output,
        .c_row = s->output.row,
        .c_column = s->output.column,
        .alpha = 1.0f,
        .scratch = lines->gemm,
    };
    call->kernels->gemm.f32.tile(&product);
  }
  for (size_t r = 0; r < rows; r++) finish_row(s, lines->log_sum_exp[r], output + (ptrdiff_t)r * s->output.row);
}

static void attend_block(void *context, size_t task, size_t worker) {
  const Materialized *call = context;
  const HeedAttentionShape *s = call->shape;
  const Lines lines = carve(call, worker);
  const size_t h = task / call->blocks, first = task % call->blocks * call->block_rows, left = s->query_length - first;
  const size_t rows = heed_size_min(left, call->block_rows), head_row = h * s->query_length + first;
  float *scores = call->scores + head_row * call->scores_row;
  score_block(call, &lines, h, first, rows, scores);
  for (size_t r = 0; r < rows; r++)
    materialized_softmax_row(call, &lines, h, first + r, scores + r * call->scores_row, lines.log_sum_exp + r);
  if (call->outputs->log_sum_exp)
    for (size_t r = 0; r < rows; r++)
      call->outputs->log_sum_exp[call->b * s->heads * s->query_length + head_row + r] = lines.log_sum_exp[r];
  if (s->dropout.probability > 0)
    for (size_t r = 0; r < rows; r++) drop_row(call, h, first + r, scores + r * call->scores_row);
  if (s->value_dim > 0) value_block(call, &lines, h, first, rows, scores);
}

static void choose_blocks(Materialized *call) {
  const HeedAttentionShape *s = call->shape;
  call->block_rows = BLOCK_ROWS;
  while (call->block_rows > BLOCK_ROWS_LEAST && s->heads * (s->query_length / call->block_rows + 1) < HEED_TASKS_WANTED)
    call->block_rows /= 2;
  call->blocks = heed_divide_up(s->query_length, call->block_rows);
}

HeedStatus heed_attention_materialized_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                               const HeedAttentionOutputs *outputs) {
  HEED_ENTRY();
  const HeedStatus status = heed_attention_check(shape, inputs, outputs, false);
  if (status != HeedStatusOk) return status;
  const size_t rows = shape->heads * shape->query_length, Nk = shape->key_length;
  if (shape->batch == 0 || rows == 0) return HeedStatusOk;
  Materialized call = {.kernels = heed_kernels(), .shape = shape, .inputs = inputs, .outputs = outputs, .scores_row = Nk};
  choose_blocks(&call);
  const size_t first = call.kernels->gemm.f32.tile_scratch(call.block_rows, Nk, shape->head_dim);
  const size_t second = call.kernels->gemm.f32.tile_scratch(call.block_rows, shape->value_dim, Nk);
  call.gemm_bytes = heed_round_up((first > second ? first : second) * sizeof(float), 64);
  call.line_bytes = heed_round_up(Nk, 64);
  call.scratch_stride = heed_round_up(call.gemm_bytes + call.line_bytes * (sizeof(float) + 2) + call.block_rows * sizeof(float), 64);
  const double flops = 2.0 * (double)rows * (double)Nk * ((double)shape->head_dim + (double)shape->value_dim + 10.0);
  const size_t width = heed_parallel_width(shape->heads * call.blocks, flops);
  call.scratch = heed_scratch_push(heed_size_product(width, call.scratch_stride));
  if (!call.scratch) return HeedStatusOutOfMemory;
  float *scores = NULL;
  const bool apart = !outputs->weights || shape->dropout.probability > 0; // the caller's weights are those before dropout
  if (apart) {
    call.scores_row = heed_round_up(Nk, 16);
    if (call.scores_row % 256 == 0) call.scores_row += 16;
    scores = heed_scratch_push(heed_size_product(heed_size_product(rows, call.scores_row), sizeof(float)));
  }
  if (!apart || scores) {
    for (call.b = 0; call.b < shape->batch; call.b++) {
      call.scores = apart ? scores : outputs->weights + call.b * rows * Nk;
      heed_parallel_for(shape->heads * call.blocks, width, attend_block, &call);
    }
  }
  if (scores) heed_scratch_pop(scores);
  heed_scratch_pop(call.scratch);
  return !apart || scores ? HeedStatusOk : HeedStatusOutOfMemory;
}
