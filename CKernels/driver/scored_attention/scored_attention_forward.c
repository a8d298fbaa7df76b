// Additive and multiplicative attention forward: one task per block of queries of a sequence, over the keys that are seen.
//
//   S <- scores                    [rows, length], where the weights are wanted or in scratch
//   P <- softmax of S, in place    0 beyond the length
//   O <- P V                       over the keys that are seen

#include <string.h>

#include "driver/scored_attention/scored_attention_call.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

// Of a tanh, and of an element of a softmax, in multiplications and additions' time.
#define TANH_FLOPS    20.0
#define SOFTMAX_FLOPS 20.0

typedef struct Forward {
  HeedScoredAttentionCall call;
  const HeedScoredAttentionOutputs *outputs;
  float *scratch;
  size_t scratch_stride, gemm_floats;
} Forward;

static void additive_score_block(const HeedScoredAttentionCall *call, size_t b, size_t first, size_t rows, size_t length, float *scores) {
  const HeedScoredAttentionShape *s = call->shape;
  const size_t A = s->attention_dim, q = b * s->query_length + first, k = b * s->key_length;
  const HeedScoredAttentionAdditiveScores tile = {
      .queries = rows,
      .keys = length,
      .dim = A,
      .query = {call->queries.projection + q * A, call->queries.exponential + q * A, call->queries.largest + q},
      .key = {call->keys.projection + k * A, call->keys.exponential + k * A, call->keys.largest + k},
      .weight = call->inputs->score_weight,
      .scores = scores,
      .scores_row = s->key_length,
  };
  call->kernels->scored_attention.additive_scores(&tile);
}

static void product_score_block(const HeedScoredAttentionCall *call, size_t b, size_t first, size_t rows, size_t length, float *scores,
                                float *scratch) {
  const HeedScoredAttentionShape *s = call->shape;
  const bool reads = s->key_dim > 0; // an empty array may be null
  const HeedGemmTile product = {
      .rows = rows,
      .columns = length,
      .depth = s->key_dim,
      .a = reads ? call->left + heed_scored_attention_offset(call->left_strides, b, first, 0) : NULL,
      .a_row = call->left_strides.row,
      .a_column = call->left_strides.column,
      .b = reads ? call->inputs->key + heed_scored_attention_offset(s->key, b, 0, 0) : NULL,
      .b_row = s->key.column,
      .b_column = s->key.row,
      .c = scores,
      .c_row = (ptrdiff_t)s->key_length,
      .c_column = 1,
      .alpha = 1.0f,
      .scratch = scratch,
  };
  call->kernels->gemm.f32.tile(&product);
}

static void context_block(const Forward *f, size_t b, size_t first, size_t rows, size_t length, const float *weights, float *scratch) {
  const HeedScoredAttentionShape *s = f->call.shape;
  if (s->value_dim == 0) return;
  const HeedGemmTile product = {
      .rows = rows,
      .columns = s->value_dim,
      .depth = length,
      .a = weights,
      .a_row = (ptrdiff_t)s->key_length,
      .a_column = 1,
      .b = length > 0 ? f->call.inputs->value + heed_scored_attention_offset(s->value, b, 0, 0) : NULL,
      .b_row = s->value.row,
      .b_column = s->value.column,
      .c = f->outputs->output + heed_scored_attention_offset(s->output, b, first, 0),
      .c_row = s->output.row,
      .c_column = s->output.column,
      .alpha = 1.0f,
      .scratch = scratch,
  };
  f->call.kernels->gemm.f32.tile(&product);
}

static void attend_block(void *context, size_t task, size_t worker) {
  const Forward *f = context;
  const HeedScoredAttentionShape *s = f->call.shape;
  const size_t b = task / f->call.blocks, first = task % f->call.blocks * f->call.block_rows, left = s->query_length - first;
  const size_t rows = heed_size_min(left, f->call.block_rows), T = s->key_length;
  const size_t length = heed_scored_attention_length(s, f->call.inputs, b);
  float *gemm = f->scratch + worker * f->scratch_stride;
  float *scores = f->outputs->weights ? f->outputs->weights + (b * s->query_length + first) * T : gemm + f->gemm_floats;
  if (length > 0 && s->score == HeedScoredAttentionScoreAdditive)
    additive_score_block(&f->call, b, first, rows, length, scores);
  else if (length > 0)
    product_score_block(&f->call, b, first, rows, length, scores, gemm);
  for (size_t r = 0; T > 0 && r < rows; r++) {
    const HeedSoftmaxRow row = {.columns = T, .visible = length, .input = scores + r * T, .output = scores + r * T, .scale = 1.0f};
    f->call.kernels->softmax.row(&row);
  }
  context_block(f, b, first, rows, length, scores, gemm);
}

static HeedStatus check(const HeedScoredAttentionShape *s, const HeedScoredAttentionInputs *inputs,
                        const HeedScoredAttentionOutputs *outputs) {
  const HeedStatus status = heed_scored_attention_check_inputs(s, inputs);
  if (status != HeedStatusOk) return status;
  const HeedArray output = heed_scored_attention_array(s->batch, s->query_length, s->value_dim, s->output);
  if (!heed_array_is_writable(&output, sizeof(float))) return HeedStatusBadStride;
  return outputs && heed_array_has(&output, outputs->output) ? HeedStatusOk : HeedStatusBadArgument;
}

HeedStatus heed_scored_attention_forward(const HeedScoredAttentionShape *shape, const HeedScoredAttentionInputs *inputs,
                                         const HeedScoredAttentionOutputs *outputs) {
  HEED_ENTRY_FLUSHING_DENORMALS();
  HeedStatus status = check(shape, inputs, outputs);
  if (status != HeedStatusOk || shape->batch == 0 || shape->query_length == 0) return status;
  Forward f = {.call = {.kernels = heed_kernels(), .shape = shape, .inputs = inputs}, .outputs = outputs};
  heed_scored_attention_plan(&f.call);
  status = heed_scored_attention_project(&f.call);
  if (status != HeedStatusOk) return status;
  const bool additive = shape->score == HeedScoredAttentionScoreAdditive;
  const size_t rows = f.call.block_rows, T = shape->key_length;
  const size_t context = f.call.kernels->gemm.f32.tile_scratch(rows, shape->value_dim, T),
               scores = additive ? 0 : f.call.kernels->gemm.f32.tile_scratch(rows, T, shape->key_dim);
  f.gemm_floats = ((context > scores ? context : scores) + 15) / 16 * 16;
  f.scratch_stride = f.gemm_floats + (outputs->weights ? 0 : (rows * T + 15) / 16 * 16);
  const size_t tasks = shape->batch * f.call.blocks;
  const double pairs = (double)shape->batch * (double)shape->query_length * (double)T;
  const double of_a_pair = additive ? TANH_FLOPS * (double)shape->attention_dim : 2.0 * (double)shape->key_dim;
  const size_t width = heed_parallel_width(tasks, pairs * (of_a_pair + SOFTMAX_FLOPS + 2.0 * (double)shape->value_dim));
  f.scratch = heed_scratch_push(heed_size_product(width, heed_size_product(f.scratch_stride, sizeof(float))));
  if (f.scratch)
    heed_parallel_for(tasks, width, attend_block, &f);
  else
    status = HeedStatusOutOfMemory;
  heed_scratch_pop(f.scratch);
  heed_scored_attention_release(&f.call);
  return status;
}
