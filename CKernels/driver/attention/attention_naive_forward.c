// Attention as a textbook writes it, in float32: the scores of every row stored, one loop inside the other, no blocking and no vector code
// except what the compiler finds. The other variants are measured against this one. Letters as in attention.h.

#include <math.h>

#include "checks/attention_checks.h"
#include "checks/attention_visibility.h"
#include "driver/attention/attention_naive.h"
#include "runtime/constants.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"

// Rows per task: enough work that handing it out costs nothing.
#define NAIVE_ROWS 16

typedef struct Naive {
  const HeedKernels *kernels;
  const HeedAttentionShape *shape;
  const HeedAttentionInputs *inputs;
  const HeedAttentionOutputs *outputs;
  size_t b;      // the current batch element
  float *scores; // [H, Nq, Nk] of that element; the weights take their place
} Naive;

// scores[j] <- S[b,h,i,j] where the row sees key j. Returns the largest: NaN where one of them is, minus infinity where it sees none.
static float naive_scores(const HeedAttentionShape *shape, const HeedAttentionRowMask *mask, const float *query, const float *keys,
                          float *scores) {
  float maximum = -INFINITY;
  for (size_t j = 0; j < mask->prefix; j++) {
    if (!heed_attention_sees(mask, j)) continue;
    float dot = 0;
    for (size_t d = 0; d < shape->head_dim; d++) {
      dot += query[(ptrdiff_t)d * shape->query.column] * keys[(ptrdiff_t)j * shape->key.row + (ptrdiff_t)d * shape->key.column];
    }
    float s = shape->scale * dot;
    if (mask->additive) {
      s += mask->additive[(ptrdiff_t)j * mask->additive_step];
      if (s < HEED_LOWEST) s = HEED_LOWEST;
    }
    scores[j] = s;
    if (isnan(s) || s > maximum) maximum = s;
  }
  return maximum;
}

// scores[j] <- P[b,h,i,j], 0 where hidden. Returns the row's log-sum-exp.
static float naive_softmax(size_t key_length, const HeedAttentionRowMask *mask, float maximum, float *scores) {
  const bool sees_nothing = maximum == -INFINITY;
  float sum = 0;
  for (size_t j = 0; j < key_length; j++) {
    if (sees_nothing || !heed_attention_sees(mask, j)) {
      scores[j] = 0;
    } else {
      scores[j] = heed_attention_naive_exponential(scores[j] - maximum);
      sum += scores[j];
    }
  }
  if (sees_nothing) return -INFINITY;
  for (size_t j = 0; j < mask->prefix; j++) scores[j] = heed_attention_naive_quotient(scores[j], sum);
  return maximum + logf(sum);
}

// O[b,h,i,:] <- sum_j P[b,h,i,j] V[b,g,j,:] over the keys the row sees.
static void naive_weighted_sum(const Naive *call, const HeedAttentionRowMask *mask, size_t h, size_t i, const float *weights,
                               const float *values, float *output) {
  const HeedAttentionShape *shape = call->shape;
  const size_t E = shape->value_dim;
  for (size_t e = 0; e < E; e++) output[(ptrdiff_t)e * shape->output.column] = 0;
  for (size_t j = 0; j < mask->prefix; j++) {
    if (!heed_attention_sees(mask, j)) continue; // not `weight == 0`: a NaN in a value that is seen must show
    const float weight = weights[j] * heed_attention_naive_multiplier(call->kernels, shape, call->b, h, i, j);
    for (size_t e = 0; e < E; e++) {
      output[(ptrdiff_t)e * shape->output.column] += weight * values[(ptrdiff_t)j * shape->value.row + (ptrdiff_t)e * shape->value.column];
    }
  }
}

static void naive_row(const Naive *call, size_t h, size_t i) {
  const HeedAttentionShape *shape = call->shape;
  const HeedAttentionInputs *inputs = call->inputs;
  const size_t b = call->b, g = heed_attention_group(shape, h), Nq = shape->query_length, Nk = shape->key_length;
  HeedAttentionRowMask mask = heed_attention_row_mask(shape, inputs, b, h, i);
  // An operand that is empty may be null: no address of its elements is computed.
  const bool scored = Nk > 0 && shape->head_dim > 0, summed = Nk > 0 && shape->value_dim > 0;
  const float *query = scored ? (const float *)inputs->query + heed_attention_row_offset(shape->query, b, h, i) : 0;
  const float *keys = scored ? (const float *)inputs->key + heed_attention_row_offset(shape->key, b, g, 0) : 0;
  const float *values = summed ? (const float *)inputs->value + heed_attention_row_offset(shape->value, b, g, 0) : 0;
  float *scores = call->scores + (h * Nq + i) * Nk;

  const float maximum = naive_scores(shape, &mask, query, keys, scores);
  const float log_sum_exp = naive_softmax(Nk, &mask, maximum, scores);
  if (call->outputs->log_sum_exp) call->outputs->log_sum_exp[(b * shape->heads + h) * Nq + i] = log_sum_exp;
  if (maximum == -INFINITY) mask.prefix = 0;
  if (shape->value_dim > 0)
    naive_weighted_sum(call, &mask, h, i, scores, values, call->outputs->output + heed_attention_row_offset(shape->output, b, h, i));
}

static void naive_task(void *context, size_t task, size_t worker) {
  (void)worker;
  const Naive *call = context;
  const size_t Nq = call->shape->query_length, rows = call->shape->heads * Nq;
  const size_t first = task * NAIVE_ROWS, end = first + heed_size_min(rows - first, NAIVE_ROWS);
  for (size_t row = first; row < end; row++) naive_row(call, row / Nq, row % Nq);
}

HeedStatus heed_attention_naive_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                        const HeedAttentionOutputs *outputs) {
  HEED_ENTRY();
  const HeedStatus status = heed_attention_check(shape, inputs, outputs, false);
  if (status != HeedStatusOk) return status;
  const size_t rows = shape->heads * shape->query_length;
  const size_t count = rows * shape->key_length; // the checks have ruled out overflow
  Naive call = {.kernels = heed_kernels(), .shape = shape, .inputs = inputs, .outputs = outputs};
  float *scratch = 0;
  if (!outputs->weights) {
    scratch = heed_scratch_push(heed_size_product(count, sizeof(float)));
    if (!scratch) return HeedStatusOutOfMemory;
  }
  const size_t tasks = heed_divide_up(rows, NAIVE_ROWS);
  const double flops = 2.0 * (double)count * ((double)shape->head_dim + (double)shape->value_dim + 10.0);
  const size_t width = heed_parallel_width(tasks, flops);
  for (call.b = 0; call.b < shape->batch; call.b++) {
    call.scores = outputs->weights ? outputs->weights + call.b * count : scratch;
    heed_parallel_for(tasks, width, naive_task, &call);
  }
  if (scratch) heed_scratch_pop(scratch);
  return HeedStatusOk;
}
