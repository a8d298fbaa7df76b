// Attention backward as a textbook writes it, in float32: P and dS of every row stored, one loop inside the other, no blocking and no
// vector code except what the compiler finds. The other variants are measured against this one. Letters as in attention.h.

#include <math.h>

#include "checks/attention_backward_checks.h"
#include "checks/attention_visibility.h"
#include "driver/attention/attention_backward_stored.h"
#include "driver/attention/attention_naive.h"
#include "runtime/constants.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/kernels_attention_backward.h"

// Rows per task: enough work that handing it out costs nothing.
#define NAIVE_ROWS 16

typedef struct Naive {
  const HeedKernels *kernels;
  const HeedAttentionBackwardShape *shape;
  const HeedAttentionBackwardInputs *inputs;
  const HeedAttentionGradients *gradients;
  size_t b;                  // the current batch element
  float *weights, *d_scores; // [H, Nq, Nk] of that element: P, and dS
} Naive;

static const float *row_of(const float *base, HeedAttentionStrides strides, size_t b, size_t head, size_t row) {
  return base + heed_attention_row_offset(strides, b, head, row);
}

// S[b,h,i,j].
static float naive_score(const Naive *call, const HeedAttentionRowMask *mask, const float *query, const float *key, size_t j) {
  const HeedAttentionShape *s = &call->shape->forward;
  float dot = 0;
  for (size_t d = 0; d < s->head_dim; d++) dot += query[(ptrdiff_t)d * s->query.column] * key[(ptrdiff_t)d * s->key.column];
  float score = s->scale * dot;
  if (mask->additive) {
    score += mask->additive[(ptrdiff_t)j * mask->additive_step];
    if (score < HEED_LOWEST) score = HEED_LOWEST;
  }
  return score;
}

// scores[j] <- P[b,h,i,j] of the keys that the row sees. Where a log-sum-exp is too large for a float32 to hold it to a few ulp, the row's
// maximum and sum are taken from the scores again.
static void naive_weights(size_t key_length, const HeedAttentionRowMask *mask, float log_sum_exp, float *scores) {
  const bool again = fabsf(log_sum_exp) > HEED_ATTENTION_LARGE && fabsf(log_sum_exp) < INFINITY;
  float shift = log_sum_exp, sum = 0;
  if (again) {
    shift = -INFINITY;
    for (size_t j = 0; j < key_length; j++)
      if (heed_attention_sees(mask, j) && (isnan(scores[j]) || scores[j] > shift)) shift = scores[j];
  }
  for (size_t j = 0; j < key_length; j++) {
    if (!heed_attention_sees(mask, j)) continue;
    scores[j] = heed_attention_naive_exponential(scores[j] - shift);
    sum += scores[j];
  }
  for (size_t j = 0; j < key_length; j++) {
    if (!heed_attention_sees(mask, j)) continue;
    if (again) scores[j] = heed_attention_naive_quotient(scores[j], sum);
    if (scores[j] < HEED_ATTENTION_LEAST_WEIGHT) scores[j] = 0;
  }
}

// P and dS of row i, 0 where hidden, and dQ.
static void naive_row(const Naive *call, size_t h, size_t i) {
  const HeedAttentionShape *s = &call->shape->forward;
  const HeedAttentionInputs *in = &call->inputs->forward;
  const size_t b = call->b, g = heed_attention_group(s, h), D = s->head_dim, E = s->value_dim, Nk = s->key_length;
  const HeedAttentionRowMask mask = heed_attention_row_mask(s, in, b, h, i);
  const size_t at = (h * s->query_length + i) * Nk;
  float *weights = call->weights + at, *d_scores = call->d_scores + at;
  const float log_sum_exp = call->inputs->log_sum_exp[(b * s->heads + h) * s->query_length + i];
  const float *query = D ? row_of(in->query, s->query, b, h, i) : NULL;
  const float *output = E ? row_of(call->inputs->output, s->output, b, h, i) : NULL;
  const float *d_output = E ? row_of(call->inputs->d_output, call->shape->d_output, b, h, i) : NULL;
  const ptrdiff_t step = call->shape->d_output.column;
  float delta = 0;
  for (size_t e = 0; e < E; e++) delta += d_output[(ptrdiff_t)e * step] * output[(ptrdiff_t)e * s->output.column];
  float *target =
      call->gradients->d_query && D ? call->gradients->d_query + heed_attention_row_offset(call->shape->d_query, b, h, i) : NULL;
  for (size_t d = 0; target && d < D; d++) target[(ptrdiff_t)d * call->shape->d_query.column] = 0;
  for (size_t j = 0; j < Nk; j++) {
    weights[j] = d_scores[j] = 0;
    if (log_sum_exp != -INFINITY && heed_attention_sees(&mask, j))
      weights[j] = naive_score(call, &mask, query, D ? row_of(in->key, s->key, b, g, j) : NULL, j);
  }
  if (log_sum_exp == -INFINITY) return;
  naive_weights(Nk, &mask, log_sum_exp, weights);
  for (size_t j = 0; j < Nk; j++) {
    if (!heed_attention_sees(&mask, j)) continue;
    const float *key = D ? row_of(in->key, s->key, b, g, j) : NULL, *value = E ? row_of(in->value, s->value, b, g, j) : NULL;
    float sum = 0;
    for (size_t e = 0; e < E; e++) sum += d_output[(ptrdiff_t)e * step] * value[(ptrdiff_t)e * s->value.column];
    const float multiplier = heed_attention_naive_multiplier(call->kernels, s, b, h, i, j);
    d_scores[j] = weights[j] * (multiplier * sum - delta);
    weights[j] *= multiplier;
    for (size_t d = 0; target && d < D; d++)
      target[(ptrdiff_t)d * call->shape->d_query.column] += s->scale * d_scores[j] * key[(ptrdiff_t)d * s->key.column];
  }
}

static void naive_rows(void *context, size_t task, size_t worker) {
  (void)worker;
  const Naive *call = context;
  const size_t Nq = call->shape->forward.query_length, rows = call->shape->forward.heads * Nq;
  const size_t first = task * NAIVE_ROWS, end = first + heed_size_min(rows - first, NAIVE_ROWS);
  for (size_t row = first; row < end; row++) naive_row(call, row / Nq, row % Nq);
}

// dK[b,g,j,:] and dV[b,g,j,:]: sums over the rows that see key j.
static void naive_key(void *context, size_t task, size_t worker) {
  (void)worker;
  const Naive *call = context;
  const HeedAttentionBackwardShape *shape = call->shape;
  const HeedAttentionShape *s = &shape->forward;
  const HeedAttentionGradients *out = call->gradients;
  const size_t g = task / s->key_length, j = task % s->key_length, heads = s->heads / s->key_value_heads, b = call->b;
  const size_t D = out->d_key ? s->head_dim : 0, E = out->d_value ? s->value_dim : 0;
  float *key = D ? out->d_key + heed_attention_row_offset(shape->d_key, b, g, j) : NULL;
  float *value = E ? out->d_value + heed_attention_row_offset(shape->d_value, b, g, j) : NULL;
  for (size_t d = 0; d < D; d++) key[(ptrdiff_t)d * shape->d_key.column] = 0;
  for (size_t e = 0; e < E; e++) value[(ptrdiff_t)e * shape->d_value.column] = 0;
  for (size_t h = g * heads; h < (g + 1) * heads; h++)
    for (size_t i = 0; i < s->query_length; i++) {
      const HeedAttentionRowMask mask = heed_attention_row_mask(s, &call->inputs->forward, b, h, i);
      if (call->inputs->log_sum_exp[(b * s->heads + h) * s->query_length + i] == -INFINITY || !heed_attention_sees(&mask, j)) continue;
      const size_t at = (h * s->query_length + i) * s->key_length + j;
      const float *query = D ? row_of(call->inputs->forward.query, s->query, b, h, i) : NULL;
      const float *d_output = E ? row_of(call->inputs->d_output, shape->d_output, b, h, i) : NULL;
      for (size_t d = 0; d < D; d++)
        key[(ptrdiff_t)d * shape->d_key.column] += s->scale * call->d_scores[at] * query[(ptrdiff_t)d * s->query.column];
      for (size_t e = 0; e < E; e++)
        value[(ptrdiff_t)e * shape->d_value.column] += call->weights[at] * d_output[(ptrdiff_t)e * shape->d_output.column];
    }
}

HeedStatus heed_attention_naive_backward(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                         const HeedAttentionGradients *gradients) {
  HEED_ENTRY();
  const HeedStatus status = heed_attention_backward_check(shape, inputs, gradients);
  if (status != HeedStatusOk) return status;
  const HeedAttentionShape *s = &shape->forward;
  const size_t rows = s->heads * s->query_length, count = rows * s->key_length; // the checks have ruled out overflow
  float *scratch = heed_scratch_push(heed_size_product(heed_size_product(2, count), sizeof(float)));
  if (!scratch) return HeedStatusOutOfMemory;
  Naive call = {heed_kernels(), shape, inputs, gradients, 0, scratch, scratch + count};
  const size_t tasks = heed_divide_up(rows, NAIVE_ROWS), keys = s->key_value_heads * s->key_length;
  const double flops = 4.0 * (double)count * ((double)s->head_dim + (double)s->value_dim + 10.0);
  for (call.b = 0; call.b < s->batch; call.b++) {
    heed_parallel_for(tasks, heed_parallel_width(tasks, flops), naive_rows, &call);
    if (gradients->d_key || gradients->d_value) heed_parallel_for(keys, heed_parallel_width(keys, flops), naive_key, &call);
    heed_attention_backward_add_scores(shape, call.b, call.d_scores, gradients->d_additive);
  }
  heed_scratch_pop(scratch);
  return HeedStatusOk;
}
