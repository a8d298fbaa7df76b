// Additive attention backward from the gradients of the scores; tanh is computed again. One task per block of columns (of A) of a sequence:
// every gradient is a sum over queries or keys within one column, so a task owns what it writes, and no array over queries, keys and
// columns is stored.
//
//   dq[i,a] <- v[a] sum_j dS[i,j] (1 - tanh^2),  dk[j,a] <- v[a] sum_i dS[i,j] (1 - tanh^2)     the projections'
//   dv[a]   <- sum over sequences of sum_ij dS[i,j] tanh
//   dQ <- dq Wq, dWq <- dq^T Q, dK <- dk Wk, dWk <- dk^T K

#include <string.h>

#include "driver/scored_attention/scored_attention_call.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

#define TANH_FLOPS 30.0 // of a tanh and its derivative, in multiplications and additions' time

typedef struct Additive {
  const HeedScoredAttentionCall *call;
  const float *d_scores;
  float *query;  // of the projected queries [B, N, A], or null
  float *key;    // of the projected keys [B, T, A], or null
  float *weight; // of v, a sequence each [B, A], or null
  size_t blocks;
  float *scratch;
  size_t scratch_stride;
} Additive;

static void clear(float *x, size_t rows, size_t row, size_t columns) {
  for (size_t r = 0; r < rows; r++) memset(x + r * row, 0, columns * sizeof(float));
}

static void column_block(void *context, size_t task, size_t worker) {
  const Additive *x = context;
  const HeedScoredAttentionShape *s = x->call->shape;
  const HeedScoredAttentionKernels *kernels = &x->call->kernels->scored_attention;
  const size_t b = task / x->blocks, first = task % x->blocks * kernels->additive_columns, A = s->attention_dim;
  const size_t columns = heed_size_min(A - first, kernels->additive_columns);
  const size_t N = s->query_length, T = s->key_length, length = heed_scored_attention_length(s, x->call->inputs, b);
  const size_t q = b * N, k = b * T;
  const HeedScoredAttentionAdditiveRows queries = x->call->queries, keys = x->call->keys;
  float *key = x->key ? x->key + k * A + first : NULL, *query = x->query ? x->query + q * A + first : NULL;
  float *weight = x->weight ? x->weight + b * A + first : NULL;
  if (key) clear(key + length * A, T - length, A, columns);
  if (length == 0) {
    if (query) clear(query, N, A, columns);
    if (weight) clear(weight, 1, 0, columns);
    return;
  }
  const HeedScoredAttentionAdditiveGradients block = {
      .queries = N,
      .keys = length,
      .columns = columns,
      .dim = A,
      .query = {queries.projection + q * A + first, queries.exponential + q * A + first, queries.largest + q},
      .key = {keys.projection + k * A + first, keys.exponential + k * A + first, keys.largest + k},
      .weight = x->call->inputs->score_weight + first,
      .d_scores = x->d_scores + q * T,
      .d_scores_row = T,
      .d_query = query,
      .d_key = key,
      .d_weight = weight,
      .scratch = x->scratch + worker * x->scratch_stride,
  };
  kernels->additive_backward(&block);
}

static HeedStatus run_blocks(Additive *x) {
  const HeedScoredAttentionShape *s = x->call->shape;
  const size_t columns = x->call->kernels->scored_attention.additive_columns, A = s->attention_dim;
  x->blocks = heed_divide_up(A, columns);
  x->scratch_stride = s->key_length * columns;
  const size_t tasks = s->batch * x->blocks;
  const double tanhs = (double)s->batch * (double)s->query_length * (double)s->key_length * (double)A;
  const size_t width = heed_parallel_width(tasks, TANH_FLOPS * tanhs);
  x->scratch = heed_scratch_push(heed_size_product(width, heed_size_product(x->scratch_stride, sizeof(float))));
  if (!x->scratch) return HeedStatusOutOfMemory;
  heed_parallel_for(tasks, width, column_block, x);
  heed_scratch_pop(x->scratch);
  return HeedStatusOk;
}

// Over sequences in order, in float64.
static void add_sequences(const HeedScoredAttentionShape *s, const float *parts, float *gradient) {
  for (size_t a = 0; a < s->attention_dim; a++) {
    double sum = s->accumulate ? (double)gradient[a] : 0.0;
    for (size_t b = 0; b < s->batch; b++) sum += (double)parts[b * s->attention_dim + a];
    gradient[a] = (float)sum;
  }
}

static HeedStatus query_backward(const Additive *x, const HeedScoredAttentionGradients *gradients) {
  const HeedScoredAttentionShape *s = x->call->shape;
  const size_t N = s->query_length, A = s->attention_dim, Hq = s->query_dim;
  const HeedScoredAttentionRows projected = {x->query, heed_scored_attention_rows(N, A), A}, query = {x->call->inputs->query, s->query, Hq};
  HeedStatus status = HeedStatusOk;
  if (gradients->d_query_weight)
    status = heed_scored_attention_outer(x->call, N, true, projected, query, s->accumulate, gradients->d_query_weight);
  if (status != HeedStatusOk || !gradients->d_query) return status;
  return heed_scored_attention_multiply_visible(x->call, N, true, projected, x->call->inputs->query_weight, (ptrdiff_t)Hq, 1, Hq,
                                                gradients->d_query);
}

static HeedStatus key_gradients(const Additive *x, const HeedScoredAttentionGradients *gradients) {
  const HeedScoredAttentionShape *s = x->call->shape;
  const size_t T = s->key_length, A = s->attention_dim, Hk = s->key_dim;
  const HeedScoredAttentionRows projected = {x->key, heed_scored_attention_rows(T, A), A}, key = {x->call->inputs->key, s->key, Hk};
  HeedStatus status = HeedStatusOk;
  if (gradients->d_key_weight)
    status = heed_scored_attention_outer(x->call, T, false, projected, key, s->accumulate, gradients->d_key_weight);
  if (status != HeedStatusOk || !gradients->d_key) return status;
  return heed_scored_attention_multiply_visible(x->call, T, false, projected, x->call->inputs->key_weight, (ptrdiff_t)Hk, 1, Hk,
                                                gradients->d_key);
}

HeedStatus heed_scored_attention_additive_backward(const HeedScoredAttentionCall *call, const float *d_scores,
                                                   const HeedScoredAttentionGradients *gradients) {
  const HeedScoredAttentionShape *s = call->shape;
  const size_t query_floats = gradients->d_query || gradients->d_query_weight ? s->batch * s->query_length * s->attention_dim : 0;
  const bool keys = gradients->d_key || gradients->d_key_weight;
  const size_t key_floats = keys ? s->batch * s->key_length * s->attention_dim : 0;
  const size_t weight_floats = gradients->d_score_weight ? s->batch * s->attention_dim : 0;
  float *room = heed_scratch_push(heed_size_product(heed_size_sum(query_floats, heed_size_sum(key_floats, weight_floats)), sizeof(float)));
  if (!room) return HeedStatusOutOfMemory;
  Additive x = {
      .call = call,
      .d_scores = d_scores,
      .query = gradients->d_query || gradients->d_query_weight ? room : NULL,
      .key = keys ? room + query_floats : NULL,
      .weight = gradients->d_score_weight ? room + query_floats + key_floats : NULL,
  };
  HeedStatus status = run_blocks(&x);
  if (status == HeedStatusOk && x.query) status = query_backward(&x, gradients);
  if (status == HeedStatusOk && keys) status = key_gradients(&x, gradients);
  if (status == HeedStatusOk && x.weight) add_sequences(s, x.weight, gradients->d_score_weight);
  heed_scratch_pop(room);
  return status;
}
