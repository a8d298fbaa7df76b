// Negative sampling. A task takes some pairs: products, losses and derivatives, and of each occurrence of a row the gradient that it adds;
// rows are then gathered by the embedding's gradient, each with one owner and in the order of its occurrences.

#include <string.h>

#include "checks/loss_checks.h"
#include "heed/embedding.h"
#include "runtime/profile.h"
#include "runtime/scratch.h"
#include "runtime/threads/parallel.h"
#include "table/dispatch.h"

#define TASK_PAIRS 64 // with 5 negatives of 100 numbers 38,000 multiply-adds, some microseconds

typedef struct Sampling {
  const HeedKernels *kernels;
  const HeedLossNegativeSamplingShape *s;
  const HeedLossNegativeSamplingInputs *in;
  double *values;  // [pairs]
  float *products; // [pairs, negatives + 1]: +- v . u, then log(1 + e^product)
  float *sigmoids; // the same: sigmoid of the product
  float *center;   // [pairs, dim], or null
  float *context;  // [pairs, negatives + 1, dim], or null
  int64_t *rows;   // [pairs, negatives + 1] of the context table
} Sampling;

// A row of a table; an empty array may be null: no address is formed from it.
static const float *row_of(const HeedLossNegativeSamplingShape *s, const float *table, int64_t row, ptrdiff_t stride) {
  return s->dim > 0 ? table + (ptrdiff_t)row * stride : NULL;
}

static void pair_gradients(const Sampling *x, size_t n, const float *v) {
  const HeedLossNegativeSamplingShape *s = x->s;
  const size_t each = s->negatives + 1;
  const double factor = heed_loss_factor(s->reduction, x->in->d_loss, n, (double)s->pairs);
  for (size_t k = 0; k < each; k++) {
    const size_t at = n * each + k;
    const float d_product = (float)((k == 0 ? -factor : factor) * (double)x->sigmoids[at]);
    const float *u = x->in->context_table + (ptrdiff_t)heed_loss_negative_sampling_context(s, x->in, n, k) * s->context_row;
    if (x->center) x->kernels->loss.scale(s->dim, d_product, u, k > 0, x->center + n * s->dim);
    if (x->context) x->kernels->loss.scale(s->dim, d_product, v, false, x->context + at * s->dim);
  }
}

static void pairs(void *context, size_t task, size_t worker) {
  (void)worker;
  const Sampling *x = context;
  const HeedLossNegativeSamplingShape *s = x->s;
  const size_t first = task * TASK_PAIRS, end = first + heed_size_min(s->pairs - first, TASK_PAIRS), each = s->negatives + 1;
  for (size_t n = first; n < end; n++) {
    const float *v = row_of(s, x->in->center_table, x->in->centers[n], s->center_row);
    for (size_t k = 0; k < each; k++) {
      const size_t row = heed_loss_negative_sampling_context(s, x->in, n, k);
      const float dot = x->kernels->loss.dot(s->dim, v, row_of(s, x->in->context_table, (int64_t)row, s->context_row));
      x->products[n * each + k] = k == 0 ? -dot : dot;
      x->rows[n * each + k] = (int64_t)row;
    }
  }
  float *products = x->products + first * each;
  x->kernels->loss.logistic((end - first) * each, products, products, x->sigmoids + first * each);
  for (size_t n = first; n < end; n++) {
    x->values[n] = 0.0;
    for (size_t k = 0; k < each; k++) x->values[n] += (double)x->products[n * each + k];
    if (x->center || x->context) pair_gradients(x, n, x->in->center_table + (ptrdiff_t)x->in->centers[n] * s->center_row);
  }
}

// Occurrences [count, dim] into the gradient of a table.
static HeedStatus gather(size_t count, size_t dim, const int64_t *ids, const float *occurrences, size_t table_rows, ptrdiff_t d_table_row,
                         bool accumulate, const HeedLossTableGradient *target) {
  const HeedEmbeddingShape shape = {
      .tokens = count,
      .vocabulary = table_rows,
      .columns = dim,
      .id_element = HeedEmbeddingIndexInt64,
      .id_step = 1,
      .table_row = d_table_row,
      .output_row = (ptrdiff_t)dim,
      .accumulate = accumulate,
  };
  if (!target->touched) return heed_embedding_dense_backward(&shape, ids, occurrences, target->d_table);
  return heed_embedding_touched_backward(&shape, ids, occurrences, target->touched, target->d_table, target->count);
}

static HeedStatus check_gradient(const HeedLossTableGradient *g, size_t rows, size_t dim, ptrdiff_t row) {
  if (g->touched) return g->d_table && g->count ? HeedStatusOk : HeedStatusBadArgument;
  return g->d_table ? heed_loss_check_matrix(rows, dim, row, g->d_table, true, true) : HeedStatusOk;
}

static HeedStatus run(Sampling *x, const HeedLossNegativeSamplingOutputs *out) {
  const HeedLossNegativeSamplingShape *s = x->s;
  const size_t each = s->negatives + 1, occurrences = s->pairs * each;
  const bool center = out->d_center.d_table && s->dim > 0, context = out->d_context.d_table && s->dim > 0;
  const size_t bytes = heed_size_sum(heed_size_product(s->pairs, sizeof(double)), heed_size_product(occurrences, sizeof(int64_t))),
               floats = heed_size_sum(heed_size_product(2, occurrences),
                                      heed_size_product(s->dim, (center ? s->pairs : 0) + (context ? occurrences : 0)));
  char *room = heed_scratch_push(heed_size_sum(bytes, heed_size_product(floats, sizeof(float))));
  if (!room) return HeedStatusOutOfMemory;
  x->values = (double *)(void *)room;
  x->rows = (int64_t *)(void *)(x->values + s->pairs);
  x->products = (float *)(void *)(x->rows + occurrences);
  x->sigmoids = x->products + occurrences;
  x->center = center ? x->sigmoids + occurrences : NULL;
  x->context = context ? x->sigmoids + occurrences + (center ? s->pairs * s->dim : 0) : NULL;
  const size_t tasks = heed_divide_up(s->pairs, TASK_PAIRS);
  heed_parallel_for(tasks, heed_parallel_width(tasks, (double)occurrences * (6.0 * (double)s->dim + 50.0)), pairs, x);
  HeedStatus status = HeedStatusOk;
  if (center) status = gather(s->pairs, s->dim, x->in->centers, x->center, s->center_rows, s->d_center_row, s->accumulate, &out->d_center);
  if (context && status == HeedStatusOk)
    status = gather(occurrences, s->dim, x->rows, x->context, s->context_rows, s->d_context_row, s->accumulate, &out->d_context);
  if (status == HeedStatusOk && out->d_center.touched && !center) *out->d_center.count = 0;
  if (status == HeedStatusOk && out->d_context.touched && !context) *out->d_context.count = 0;
  double sum = 0.0;
  for (size_t n = 0; status == HeedStatusOk && out->loss && n < s->pairs; n++) {
    if (s->reduction == HeedLossReductionNone) out->loss[n] = (float)x->values[n];
    sum += x->values[n];
  }
  if (status == HeedStatusOk && out->loss && s->reduction != HeedLossReductionNone)
    out->loss[0] = (float)heed_loss_total(s->reduction, sum, (double)s->pairs);
  heed_scratch_pop(room);
  return status;
}

HeedStatus heed_loss_negative_sampling(const HeedLossNegativeSamplingShape *shape, const HeedLossNegativeSamplingInputs *inputs,
                                       const HeedLossNegativeSamplingOutputs *outputs) {
  HEED_ENTRY_FLUSHING_DENORMALS();
  if (!outputs) return HeedStatusBadArgument;
  HeedStatus status = heed_loss_check_negative_sampling(shape, inputs);
  if (status == HeedStatusOk) status = check_gradient(&outputs->d_center, shape->center_rows, shape->dim, shape->d_center_row);
  if (status == HeedStatusOk) status = check_gradient(&outputs->d_context, shape->context_rows, shape->dim, shape->d_context_row);
  if (status != HeedStatusOk) return status;
  Sampling call = {.kernels = heed_kernels(), .s = shape, .in = inputs};
  return run(&call, outputs);
}
