// Additive and multiplicative attention backward. Every gradient has one owner:
//
//   a block of queries   dP <- dO V^T + dP',  dS <- P (dP - sum P dP),  and dot, general: dQ' <- dS K
//   a block of keys      dV <- P^T dO,        and dot, general: dK <- dS^T Q'
//   additive             from dS, by blocks of columns (additive_attention_backward.c)
//   general              dQ <- dQ' W^T, dW <- Q^T dQ'
//
// Q' is q, or W^T q. Hidden keys of a sequence are left out of every product; their gradients are zero.

#include <string.h>

#include "driver/scored_attention/scored_attention_call.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

#define KEY_ROWS      64   // keys per task: whole blocks of rows of both products, and tasks for many cores
#define SOFTMAX_FLOPS 10.0 // of an element of a softmax's gradient, no exponential

typedef struct Backward {
  HeedScoredAttentionCall call;
  const HeedScoredAttentionOutputGradients *d_outputs;
  const HeedScoredAttentionGradients *gradients;
  float *d_scores; // [B, N, T], or null: not wanted
  float *d_left;   // [B, N, Hk], of Q', dot and general, or null
  size_t key_blocks;
  float *scratch;
  size_t scratch_stride;
} Backward;

// C <- A B
static void multiply(const Backward *x, size_t rows, size_t columns, size_t depth, const float *a, ptrdiff_t a_row, ptrdiff_t a_column,
                     const float *b, ptrdiff_t b_row, ptrdiff_t b_column, float *c, size_t c_row, size_t worker) {
  if (rows == 0 || columns == 0) return;
  const HeedGemmTile tile = {
      .rows = rows,
      .columns = columns,
      .depth = depth,
      .a = a,
      .b = b,
      .a_row = a_row,
      .a_column = a_column,
      .b_row = b_row,
      .b_column = b_column,
      .c = c,
      .c_row = (ptrdiff_t)c_row,
      .c_column = 1,
      .alpha = 1.0f,
      .scratch = x->scratch + worker * x->scratch_stride,
  };
  x->call.kernels->gemm.f32.tile(&tile);
}

static void query_block(void *context, size_t task, size_t worker) {
  const Backward *x = context;
  const HeedScoredAttentionShape *s = x->call.shape;
  const HeedScoredAttentionInputs *in = x->call.inputs;
  const size_t b = task / x->call.blocks, first = task % x->call.blocks * x->call.block_rows, rest = s->query_length - first;
  const size_t rows = heed_size_min(rest, x->call.block_rows), T = s->key_length, Hk = s->key_dim;
  const size_t length = heed_scored_attention_length(s, in, b), row = b * s->query_length + first;
  float *ds = x->d_scores + row * T;
  // Without a gradient of the output the product has no terms, and is zero.
  const bool reads = x->d_outputs->d_output && s->value_dim > 0 && length > 0;
  multiply(x, rows, length, reads ? s->value_dim : 0,
           reads ? x->d_outputs->d_output + heed_scored_attention_offset(s->d_output, b, first, 0) : NULL, s->d_output.row,
           s->d_output.column, reads ? in->value + heed_scored_attention_offset(s->value, b, 0, 0) : NULL, s->value.column, s->value.row,
           ds, T, worker);
  for (size_t r = 0; r < rows; r++, ds += T) {
    const float *direct = x->d_outputs->d_weights ? x->d_outputs->d_weights + (row + r) * T : NULL;
    for (size_t j = 0; direct && j < length; j++) ds[j] += direct[j];
    const HeedSoftmaxBackwardRow softmax = {
        .columns = length, .output = x->d_outputs->weights + (row + r) * T, .d_output = ds, .d_input = ds, .scale = 1.0f};
    if (length > 0) x->call.kernels->softmax_backward.row(&softmax);
  }
  if (!x->d_left) return;
  multiply(x, rows, Hk, length, x->d_scores + row * T, (ptrdiff_t)T, 1,
           length > 0 && Hk > 0 ? in->key + heed_scored_attention_offset(s->key, b, 0, 0) : NULL, s->key.row, s->key.column,
           x->d_left + row * Hk, Hk, worker);
}

// Zeros where nothing is seen.
static void clear_rows(float *rows, size_t count) {
  if (count > 0) memset(rows, 0, count * sizeof(float));
}

static void key_block(void *context, size_t task, size_t worker) {
  const Backward *x = context;
  const HeedScoredAttentionShape *s = x->call.shape;
  const size_t b = task / x->key_blocks, first = task % x->key_blocks * KEY_ROWS, T = s->key_length, N = s->query_length;
  const size_t end = first + heed_size_min(T - first, KEY_ROWS), length = heed_scored_attention_length(s, x->call.inputs, b);
  const size_t seen = length < first ? first : length < end ? length : end, rows = seen - first, row = b * T + first;
  float *value = x->gradients->d_value, *key = s->score == HeedScoredAttentionScoreAdditive ? NULL : x->gradients->d_key;
  if (value) {
    const float *gradient = x->d_outputs->d_output;
    if (rows > 0)
      multiply(x, rows, s->value_dim, gradient ? N : 0, gradient ? x->d_outputs->weights + b * N * T + first : NULL, 1, (ptrdiff_t)T,
               gradient ? gradient + heed_scored_attention_offset(s->d_output, b, 0, 0) : NULL, s->d_output.row, s->d_output.column,
               value + row * s->value_dim, s->value_dim, worker);
    clear_rows(value + (row + rows) * s->value_dim, (end - seen) * s->value_dim);
  }
  if (key) {
    multiply(x, rows, s->key_dim, N, x->d_scores + b * N * T + first, 1, (ptrdiff_t)T,
             x->call.left + heed_scored_attention_offset(x->call.left_strides, b, 0, 0), x->call.left_strides.row,
             x->call.left_strides.column, key + row * s->key_dim, s->key_dim, worker);
    clear_rows(key + (row + rows) * s->key_dim, (end - seen) * s->key_dim);
  }
}

static HeedStatus run_blocks(Backward *x) {
  const HeedScoredAttentionShape *s = x->call.shape;
  const size_t N = s->query_length, T = s->key_length, rows = x->call.block_rows;
  const HeedKernels *kernels = x->call.kernels;
  const size_t sizes[] = {
      kernels->gemm.f32.tile_scratch(rows, T, s->value_dim),
      kernels->gemm.f32.tile_scratch(rows, s->key_dim, T),
      kernels->gemm.f32.tile_scratch(KEY_ROWS, s->value_dim, N),
      kernels->gemm.f32.tile_scratch(KEY_ROWS, s->key_dim, N),
  };
  for (int i = 0; i < 4; i++)
    if (sizes[i] > x->scratch_stride) x->scratch_stride = heed_round_up(sizes[i], 16);
  x->key_blocks = heed_divide_up(T, KEY_ROWS);
  const size_t query_tasks = s->batch * x->call.blocks, key_tasks = s->batch * x->key_blocks;
  const bool additive = s->score == HeedScoredAttentionScoreAdditive;
  const double pairs = (double)s->batch * (double)N * (double)T,
               flops = pairs * (2.0 * (double)s->value_dim + (additive ? 0.0 : 2.0 * (double)s->key_dim) + SOFTMAX_FLOPS);
  const size_t query_width = heed_parallel_width(query_tasks, flops), key_width = heed_parallel_width(key_tasks, flops);
  const size_t width = query_width > key_width ? query_width : key_width;
  x->scratch = heed_scratch_push(heed_size_product(width, heed_size_product(x->scratch_stride, sizeof(float))));
  if (!x->scratch) return HeedStatusOutOfMemory;
  if (x->d_scores) heed_parallel_for(query_tasks, query_width, query_block, x);
  if (x->gradients->d_value || (x->gradients->d_key && !additive)) heed_parallel_for(key_tasks, key_width, key_block, x);
  heed_scratch_pop(x->scratch);
  return HeedStatusOk;
}

// dQ <- dQ' W^T, dW <- Q^T dQ'
static HeedStatus general_backward(const Backward *x) {
  const HeedScoredAttentionShape *s = x->call.shape;
  const size_t N = s->query_length, Hk = s->key_dim;
  const HeedScoredAttentionRows left = {x->d_left, heed_scored_attention_rows(N, Hk), Hk},
                                query = {x->call.inputs->query, s->query, s->query_dim};
  HeedStatus status = HeedStatusOk;
  if (x->gradients->d_weight) status = heed_scored_attention_outer(&x->call, N, true, query, left, s->accumulate, x->gradients->d_weight);
  if (status != HeedStatusOk || !x->gradients->d_query) return status;
  return heed_scored_attention_multiply_visible(&x->call, N, true, left, x->call.inputs->weight, 1, (ptrdiff_t)Hk, s->query_dim,
                                                x->gradients->d_query);
}

// Which gradients the score has; the others are not looked at.
static bool wants_scores(const HeedScoredAttentionShape *s, const HeedScoredAttentionGradients *g) {
  if (g->d_query || g->d_key) return true;
  if (s->score == HeedScoredAttentionScoreGeneral) return g->d_weight != NULL;
  return s->score == HeedScoredAttentionScoreAdditive && (g->d_query_weight || g->d_key_weight || g->d_score_weight);
}

// Gradients when there is no query at all: zeros, or nothing to add to those of the weights.
static void clear_all(const HeedScoredAttentionShape *s, const HeedScoredAttentionGradients *g) {
  const size_t keys = s->batch * s->key_length, A = s->attention_dim;
  const bool additive = s->score == HeedScoredAttentionScoreAdditive, general = s->score == HeedScoredAttentionScoreGeneral;
  const struct {
    float *data;
    size_t count;
    bool kept;
  } all[] = {
      {g->d_key, keys * s->key_dim, false},
      {g->d_value, keys * s->value_dim, false},
      {general ? g->d_weight : NULL, s->query_dim * s->key_dim, s->accumulate},
      {additive ? g->d_query_weight : NULL, A * s->query_dim, s->accumulate},
      {additive ? g->d_key_weight : NULL, A * s->key_dim, s->accumulate},
      {additive ? g->d_score_weight : NULL, A, s->accumulate},
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    if (all[i].data && !all[i].kept && all[i].count > 0) memset(all[i].data, 0, all[i].count * sizeof(float));
}

HeedStatus heed_scored_attention_backward(const HeedScoredAttentionShape *shape, const HeedScoredAttentionInputs *inputs,
                                          const HeedScoredAttentionOutputGradients *d_outputs,
                                          const HeedScoredAttentionGradients *gradients) {
  HEED_ENTRY_FLUSHING_DENORMALS();
  HeedStatus status = heed_scored_attention_check_inputs(shape, inputs);
  if (status == HeedStatusOk) status = heed_scored_attention_check_output_gradients(shape, d_outputs, true);
  if (status != HeedStatusOk) return status;
  if (!gradients || (inputs->prepared_keys && (gradients->d_key || gradients->d_key_weight))) return HeedStatusBadArgument;
  if (shape->batch == 0 || shape->query_length == 0) {
    clear_all(shape, gradients);
    return HeedStatusOk;
  }
  Backward x = {.call = {.kernels = heed_kernels(), .shape = shape, .inputs = inputs}, .d_outputs = d_outputs, .gradients = gradients};
  const bool dot = shape->score == HeedScoredAttentionScoreDot, general = shape->score == HeedScoredAttentionScoreGeneral;
  const bool scores = wants_scores(shape, gradients), left = general && (gradients->d_query || gradients->d_weight);
  heed_scored_attention_plan(&x.call);
  // If only the gradient of the values is asked for, the scores are not needed.
  if (scores) status = heed_scored_attention_project(&x.call);
  if (status != HeedStatusOk) return status;
  const size_t rows = shape->batch * shape->query_length, score_floats = scores ? heed_size_product(rows, shape->key_length) : 0;
  float *room = heed_scratch_push(heed_size_product(heed_size_sum(score_floats, left ? rows * shape->key_dim : 0), sizeof(float)));
  if (!room) status = HeedStatusOutOfMemory;
  if (scores) x.d_scores = room;
  if (left) x.d_left = room + score_floats;
  if (dot) x.d_left = gradients->d_query;
  if (status == HeedStatusOk) status = run_blocks(&x);
  if (status == HeedStatusOk && left) status = general_backward(&x);
  if (status == HeedStatusOk && scores && !dot && !general) status = heed_scored_attention_additive_backward(&x.call, room, gradients);
  heed_scratch_pop(room);
  heed_scored_attention_release(&x.call);
  return status;
}
