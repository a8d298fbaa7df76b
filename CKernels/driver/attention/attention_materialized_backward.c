// Attention backward as a framework does it without a fused kernel: matrix products, with P and dS of all heads stored. Letters as in
// attention.h. For one batch element:
//
//   P <- exp(scale * Q K^T - L),  dS <- P * (dO V^T - delta)      both [H, Nq, Nk]
//   dQ <- scale * dS K,  dK <- scale * dS^T Q,  dV <- P^T dO      heads of a group one after the other
//
// If something hidden may be NaN or infinite, the last three go row by row and leave it out, in the products' order of summation.

#include <math.h>

#include "checks/attention_backward_checks.h"
#include "checks/attention_visibility.h"
#include "driver/attention/attention_backward_stored.h"
#include "runtime/constants.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

typedef struct Materialized {
  const HeedKernels *kernels;
  const HeedAttentionBackwardShape *shape;
  const HeedAttentionBackwardInputs *inputs;
  const HeedAttentionGradients *gradients;
  size_t b, heads;         // the current batch element; H / G
  float *weights, *scores; // [H, Nq, Nk]: P and dS
  uint8_t *seen;           // [H, Nq, Nk]
} Materialized;

// One of the last three products: target[g] <- factor * sum over the heads of g of A B, A [H, Nq, Nk] or its transpose.
typedef struct Product {
  const float *stored; // P or dS
  bool transposed;
  const float *b; // K of g, or Q or dO of a head
  HeedAttentionStrides b_strides;
  size_t b_rows, columns;
  float factor, *target;
  HeedAttentionStrides target_strides;
} Product;

static const float *row_of(const float *base, HeedAttentionStrides strides, size_t b, size_t head, size_t row) {
  return base ? base + heed_attention_row_offset(strides, b, head, row) : NULL;
}

// C [H, Nq, Nk] <- alpha * A B^T. A has one row per query, B one row per key.
static HeedStatus by_keys(const Materialized *call, const float *a, HeedAttentionStrides a_strides, const float *b,
                          HeedAttentionStrides b_strides, size_t depth, float alpha, float *c) {
  const HeedAttentionShape *s = &call->shape->forward;
  for (size_t g = 0; g < s->key_value_heads; g++) {
    const HeedGemmShape product = {.batch = call->heads,
                                   .m = s->query_length,
                                   .n = s->key_length,
                                   .k = depth,
                                   .a_batch = a_strides.head,
                                   .a_row = a_strides.row,
                                   .a_column = a_strides.column,
                                   .b_row = b_strides.column,
                                   .b_column = b_strides.row,
                                   .c_batch = (ptrdiff_t)(s->query_length * s->key_length),
                                   .c_row = (ptrdiff_t)s->key_length,
                                   .c_column = 1,
                                   .alpha = alpha};
    const HeedStatus status = heed_gemm(&product, NULL, row_of(a, a_strides, call->b, g * call->heads, 0),
                                        row_of(b, b_strides, call->b, g, 0), c + g * call->heads * s->query_length * s->key_length);
    if (status != HeedStatusOk) return status;
  }
  return HeedStatusOk;
}

// row <- row times the dropout multipliers of its weights.
static void drop_row(const Materialized *call, size_t row, float *values) {
  const HeedAttentionShape *s = &call->shape->forward;
  const size_t matrix = call->b * s->heads + row / s->query_length;
  const HeedRandom random = {s->dropout.seed, heed_random_row(s->dropout.offset + matrix, row % s->query_length), 0};
  call->kernels->random.dropout(&random, s->dropout.probability, heed_dropout_factor(s->dropout.probability), s->key_length, values,
                                values);
}

// P and dS of one row from the results of the products.
static void finish_row(void *context, size_t task, size_t worker) {
  (void)worker;
  const Materialized *call = context;
  const HeedAttentionShape *s = &call->shape->forward;
  const HeedAttentionStrides d_output_strides = call->shape->d_output;
  const size_t h = task / s->query_length, i = task % s->query_length, Nk = s->key_length;
  const HeedAttentionRowMask mask = heed_attention_row_mask(s, &call->inputs->forward, call->b, h, i);
  const float log_sum_exp = call->inputs->log_sum_exp[call->b * s->heads * s->query_length + task];
  float *weights = call->weights + task * Nk, *scores = call->scores + task * Nk;
  uint8_t *seen = call->seen + task * Nk;
  for (size_t j = 0; j < Nk; j++) {
    seen[j] = log_sum_exp != -INFINITY && heed_attention_sees(&mask, j);
    if (!mask.additive || !seen[j]) continue;
    const float sum = weights[j] + mask.additive[(ptrdiff_t)j * mask.additive_step];
    weights[j] = sum < HEED_LOWEST ? HEED_LOWEST : sum;
  }
  const float *d_output = row_of(call->inputs->d_output, d_output_strides, call->b, h, i);
  const float *output = row_of(call->inputs->output, s->output, call->b, h, i);
  float delta = 0; // in the order of the product that gives dP: where one weight is 1, its difference from dP is 0
  for (size_t first = 0; first < s->value_dim; first += HEED_GEMM_KC) {
    float sum = 0;
    for (size_t e = first; e < s->value_dim && e < first + HEED_GEMM_KC; e++)
      sum = fmaf(d_output[(ptrdiff_t)e * d_output_strides.column], output[(ptrdiff_t)e * s->output.column], sum);
    delta += sum;
  }
  if (fabsf(log_sum_exp) > HEED_ATTENTION_LARGE && fabsf(log_sum_exp) < INFINITY) {
    const HeedSoftmaxRow row = {.columns = Nk, .visible = Nk, .input = weights, .output = weights, .boolean = seen, .scale = 1.0f};
    call->kernels->softmax.row(&row);
  } else {
    call->kernels->attention_backward.weigh_row(Nk, weights, seen, log_sum_exp, weights);
  }
  if (s->dropout.probability > 0) drop_row(call, task, scores);
  call->kernels->attention_backward.score_row(Nk, weights, scores, seen, delta, scores);
  if (s->dropout.probability > 0) drop_row(call, task, weights);
}

// Row by row, without hidden keys: one head's share, added after the first.
static HeedStatus add_seen(const Materialized *call, const Product *x, size_t h, bool first) {
  const HeedAttentionShape *s = &call->shape->forward;
  const size_t Nq = s->query_length, Nk = s->key_length, rows = x->transposed ? Nk : Nq, terms = x->transposed ? Nq : Nk;
  const size_t head = x->transposed ? heed_attention_group(s, h) : h;
  float *line = heed_scratch_push(heed_size_sum(heed_size_product(heed_size_sum(terms, x->columns), sizeof(float)), terms));
  if (!line) return HeedStatusOutOfMemory;
  float *sum = line + terms;
  uint8_t *seen = (uint8_t *)(sum + x->columns);
  const size_t step = x->transposed ? Nk : 1, row_step = x->transposed ? 1 : Nk;
  for (size_t row = 0; row < rows; row++) {
    const size_t at = h * Nq * Nk + row * row_step;
    for (size_t t = 0; t < terms; t++) line[t] = x->stored[at + t * step], seen[t] = call->seen[at + t * step];
    const HeedAttentionWeightedSum work = {.keys = terms,
                                           .value_dim = x->columns,
                                           .weights = line,
                                           .seen = seen,
                                           .value = x->b,
                                           .value_row = x->b_strides.row,
                                           .value_column = x->b_strides.column,
                                           .output = sum,
                                           .output_column = 1};
    call->kernels->attention.weighted_sum_seen(&work);
    float *target = x->target + heed_attention_row_offset(x->target_strides, call->b, head, row);
    for (size_t c = 0; c < x->columns; c++) {
      float *to = target + (ptrdiff_t)c * x->target_strides.column;
      *to = first ? x->factor * sum[c] : x->factor * sum[c] + *to;
    }
  }
  heed_scratch_pop(line);
  return HeedStatusOk;
}

static HeedStatus multiply(const Materialized *call, const Product *x, size_t h, bool first) {
  const HeedAttentionShape *s = &call->shape->forward;
  const size_t Nq = s->query_length, Nk = s->key_length, head = x->transposed ? heed_attention_group(s, h) : h;
  const HeedGemmShape product = {.batch = 1,
                                 .m = x->transposed ? Nk : Nq,
                                 .n = x->columns,
                                 .k = x->transposed ? Nq : Nk,
                                 .a_row = x->transposed ? 1 : (ptrdiff_t)Nk,
                                 .a_column = x->transposed ? (ptrdiff_t)Nk : 1,
                                 .b_row = x->b_strides.row,
                                 .b_column = x->b_strides.column,
                                 .c_row = x->target_strides.row,
                                 .c_column = x->target_strides.column,
                                 .alpha = x->factor,
                                 .beta = first ? 0.0f : 1.0f};
  return heed_gemm(&product, NULL, x->stored + h * Nq * Nk, x->b,
                   x->target + heed_attention_row_offset(x->target_strides, call->b, head, 0));
}

// All heads of one of the last three products. `source` is K (by groups) or Q or dO (by heads).
static HeedStatus take(const Materialized *call, Product x, const float *source) {
  const HeedAttentionShape *s = &call->shape->forward;
  const HeedAttentionInputs *in = &call->inputs->forward;
  const bool masked = s->causal || in->key_lengths || in->boolean || in->additive;
  const size_t rows = x.transposed ? s->key_length : s->query_length;
  if (!x.target || rows == 0 || x.columns == 0) return HeedStatusOk;
  for (size_t h = 0; h < s->heads; h++) {
    const size_t group = heed_attention_group(s, h);
    const bool first = !x.transposed || h % call->heads == 0;
    x.b = x.b_rows > 0 ? row_of(source, x.b_strides, call->b, x.transposed ? h : group, 0) : source;
    const bool careful =
        masked && x.b_rows > 0 && !call->kernels->matrix.is_finite(x.b, x.b_strides.row, x.b_strides.column, x.b_rows, x.columns);
    const HeedStatus status = (careful ? add_seen : multiply)(call, &x, h, first);
    if (status != HeedStatusOk) return status;
  }
  const size_t heads = x.transposed ? s->key_value_heads : s->heads;
  for (size_t h = 0; h < heads; h++) // no zero is negative
    for (size_t row = 0; row < rows; row++) {
      float *target = x.target + heed_attention_row_offset(x.target_strides, call->b, h, row);
      for (size_t c = 0; c < x.columns; c++) target[(ptrdiff_t)c * x.target_strides.column] += 0.0f;
    }
  return HeedStatusOk;
}

static HeedStatus run_element(Materialized *call) {
  const HeedAttentionBackwardShape *shape = call->shape;
  const HeedAttentionShape *s = &shape->forward;
  const HeedAttentionInputs *in = &call->inputs->forward;
  const size_t rows = s->heads * s->query_length;
  HeedStatus status = by_keys(call, in->query, s->query, in->key, s->key, s->head_dim, s->scale, call->weights);
  if (status == HeedStatusOk)
    status = by_keys(call, call->inputs->d_output, shape->d_output, in->value, s->value, s->value_dim, 1.0f, call->scores);
  if (status != HeedStatusOk) return status;
  heed_parallel_for(rows, heed_parallel_width(rows, 20.0 * (double)rows * (double)s->key_length), finish_row, call);
  const Product query = {.stored = call->scores,
                         .b_strides = s->key,
                         .b_rows = s->key_length,
                         .columns = s->head_dim,
                         .factor = s->scale,
                         .target = call->gradients->d_query,
                         .target_strides = shape->d_query};
  const Product key = {.stored = call->scores,
                       .transposed = true,
                       .b_strides = s->query,
                       .b_rows = s->query_length,
                       .columns = s->head_dim,
                       .factor = s->scale,
                       .target = call->gradients->d_key,
                       .target_strides = shape->d_key};
  const Product value = {.stored = call->weights,
                         .transposed = true,
                         .b_strides = shape->d_output,
                         .b_rows = s->query_length,
                         .columns = s->value_dim,
                         .factor = 1.0f,
                         .target = call->gradients->d_value,
                         .target_strides = shape->d_value};
  status = take(call, query, in->key);
  if (status == HeedStatusOk) status = take(call, key, in->query);
  if (status == HeedStatusOk) status = take(call, value, call->inputs->d_output);
  if (status == HeedStatusOk) heed_attention_backward_add_scores(shape, call->b, call->scores, call->gradients->d_additive);
  return status;
}

HeedStatus heed_attention_materialized_backward(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                                const HeedAttentionGradients *gradients) {
  HEED_ENTRY();
  HeedStatus status = heed_attention_backward_check(shape, inputs, gradients);
  if (status != HeedStatusOk) return status;
  const HeedAttentionShape *s = &shape->forward;
  if (s->batch == 0 || s->heads == 0) return HeedStatusOk;
  const size_t count = s->heads * s->query_length * s->key_length; // the checks have ruled out overflow
  float *scratch = heed_scratch_push(heed_size_product(count, 2 * sizeof(float) + 1));
  if (!scratch) return HeedStatusOutOfMemory;
  Materialized call = {.kernels = heed_kernels(),
                       .shape = shape,
                       .inputs = inputs,
                       .gradients = gradients,
                       .heads = s->heads / s->key_value_heads,
                       .weights = scratch,
                       .scores = scratch + count,
                       .seen = (uint8_t *)(scratch + 2 * count)};
  for (call.b = 0; call.b < s->batch && status == HeedStatusOk; call.b++) status = run_element(&call);
  heed_scratch_pop(scratch);
  return status;
}
