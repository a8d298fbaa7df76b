// Attention forward in float64, one scalar step after the other: the specification of attention.h in code, and the oracle of the tests.
// Letters as in attention.h.

#include <float.h>
#include <math.h>

#include "checks/attention_checks.h"
#include "checks/attention_visibility.h"
#include "heed/attention.h"
#include "reference/attention_multiplier.h"
#include "runtime/float_mode.h"
#include "runtime/scratch.h"

// One row (b, h, i) of the problem.
typedef struct Row {
  const float *query, *key, *value; // this row's query; key and value 0 of its group
  size_t b, h, i;
  HeedAttentionRowMask mask;
} Row;

// S[b,h,i,j] for a key that the row sees.
static double score(const HeedAttentionShape *shape, const Row *row, size_t j) {
  double dot = 0;
  for (size_t d = 0; d < shape->head_dim; d++) {
    const double q = row->query[(ptrdiff_t)d * shape->query.column];
    const double k = row->key[(ptrdiff_t)j * shape->key.row + (ptrdiff_t)d * shape->key.column];
    dot += q * k;
  }
  double s = (double)shape->scale * dot;
  if (row->mask.additive) {
    s += (double)row->mask.additive[(ptrdiff_t)j * row->mask.additive_step];
    if (s < -(double)FLT_MAX) s = -(double)FLT_MAX;
  }
  return s;
}

// Fills scores[j] for the keys the row sees and returns the largest of them: NaN where one of them is, minus infinity where it sees none.
static double score_row(const HeedAttentionShape *shape, const Row *row, double *scores, double *largest) {
  double maximum = -INFINITY;
  for (size_t j = 0; j < row->mask.prefix; j++) {
    if (!heed_attention_sees(&row->mask, j)) continue;
    scores[j] = score(shape, row, j);
    if (isnan(scores[j]) || scores[j] > maximum) maximum = scores[j]; // once NaN, it stays: no number is greater than NaN
    if (fabs(scores[j]) > *largest) *largest = fabs(scores[j]);
  }
  return maximum;
}

// One row of O, of P (or null) and of L (or null), all contiguous. `scores` is room for Nk numbers.
static void reference_row(const HeedAttentionShape *shape, const Row *row, double *scores, double *output, double *weights,
                          double *log_sum_exp, double *largest) {
  for (size_t e = 0; e < shape->value_dim; e++) output[e] = 0;
  for (size_t j = 0; weights && j < shape->key_length; j++) weights[j] = 0;
  if (log_sum_exp) *log_sum_exp = -INFINITY;

  const double maximum = score_row(shape, row, scores, largest);
  if (maximum == -INFINITY) return; // sees nothing

  double sum = 0;
  for (size_t j = 0; j < row->mask.prefix; j++) {
    if (heed_attention_sees(&row->mask, j)) sum += exp(scores[j] - maximum);
  }
  if (log_sum_exp) *log_sum_exp = maximum + log(sum);

  for (size_t j = 0; j < row->mask.prefix; j++) {
    if (!heed_attention_sees(&row->mask, j)) continue;
    const double p = exp(scores[j] - maximum) / sum;
    if (weights) weights[j] = p;
    const double kept = p * reference_multiplier(shape, row->b, row->h, row->i, j);
    for (size_t e = 0; e < shape->value_dim; e++) {
      const double v = row->value[(ptrdiff_t)j * shape->value.row + (ptrdiff_t)e * shape->value.column];
      output[e] += kept * v; // a sum that starts at +0 never becomes -0
    }
  }
}

HeedStatus heed_attention_reference_forward(const HeedAttentionShape *shape, const HeedAttentionInputs *inputs,
                                            const HeedAttentionReferenceOutputs *outputs) {
  HEED_FLOAT_MODE();
  const HeedStatus status = heed_attention_check_inputs(shape, inputs);
  if (status != HeedStatusOk) return status;
  const size_t B = shape->batch, H = shape->heads, Nq = shape->query_length;
  if (!outputs || (!outputs->output && B * H * Nq * shape->value_dim > 0)) return HeedStatusBadArgument;

  double *scores = heed_scratch_push(heed_size_product(shape->key_length, sizeof(double)));
  if (!scores) return HeedStatusOutOfMemory;
  double largest = 0;
  for (size_t b = 0; b < B; b++) {
    for (size_t h = 0; h < H; h++) {
      const size_t g = heed_attention_group(shape, h);
      for (size_t i = 0; i < Nq; i++) {
        const size_t index = (b * H + h) * Nq + i;
        // An operand that is empty may be null: no address of its elements is computed.
        const bool scored = shape->key_length > 0 && shape->head_dim > 0, summed = shape->key_length > 0 && shape->value_dim > 0;
        const Row row = {
            .query = scored ? (const float *)inputs->query + heed_attention_row_offset(shape->query, b, h, i) : 0,
            .key = scored ? (const float *)inputs->key + heed_attention_row_offset(shape->key, b, g, 0) : 0,
            .value = summed ? (const float *)inputs->value + heed_attention_row_offset(shape->value, b, g, 0) : 0,
            .b = b,
            .h = h,
            .i = i,
            .mask = heed_attention_row_mask(shape, inputs, b, h, i),
        };
        reference_row(shape, &row, scores, outputs->output + index * shape->value_dim,
                      outputs->weights ? outputs->weights + index * shape->key_length : 0,
                      outputs->log_sum_exp ? outputs->log_sum_exp + index : 0, &largest);
      }
    }
  }
  heed_scratch_pop(scores);
  if (outputs->largest_score) *outputs->largest_score = largest;
  return HeedStatusOk;
}
