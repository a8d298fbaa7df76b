// Attention backward in float64, one scalar step after the other: the specification of attention.h in code, and the oracle of the
// tests. Letters as there.

#include <float.h>
#include <math.h>

#include "checks/attention_backward_checks.h"
#include "checks/attention_visibility.h"
#include "heed/attention.h"
#include "reference/attention_multiplier.h"
#include "runtime/float_mode.h"
#include "runtime/scratch.h"

typedef struct Problem {
  const HeedAttentionBackwardShape *shape;
  const HeedAttentionBackwardInputs *inputs;
  const HeedAttentionReferenceGradients *gradients;
  double *weights;   // [Nk] P of one row, then dS
  double *d_weights; // [Nk] dP of one row
} Problem;

static double element(const float *base, HeedAttentionStrides s, size_t b, size_t head, size_t row, size_t column) {
  return (double)base[heed_attention_row_offset(s, b, head, row) + (ptrdiff_t)column * s.column];
}

// weights[j] <- P[b,h,i,j] for the keys that the row sees. Whether it sees any with a score above minus infinity.
static bool weigh_row(const Problem *p, const HeedAttentionRowMask *mask, size_t b, size_t h, size_t i) {
  const HeedAttentionShape *s = &p->shape->forward;
  const HeedAttentionInputs *in = &p->inputs->forward;
  const size_t g = heed_attention_group(s, h);
  double maximum = -INFINITY, sum = 0;
  for (size_t j = 0; j < mask->prefix; j++) {
    if (!heed_attention_sees(mask, j)) continue;
    double dot = 0;
    for (size_t d = 0; d < s->head_dim; d++) dot += element(in->query, s->query, b, h, i, d) * element(in->key, s->key, b, g, j, d);
    double score = (double)s->scale * dot;
    if (mask->additive) {
      score += (double)mask->additive[(ptrdiff_t)j * mask->additive_step];
      if (score < -(double)FLT_MAX) score = -(double)FLT_MAX;
    }
    p->weights[j] = score;
    if (isnan(score) || score > maximum) maximum = score; // once NaN, it stays: no number is greater than NaN
  }
  if (maximum == -INFINITY) return false;
  for (size_t j = 0; j < mask->prefix; j++)
    if (heed_attention_sees(mask, j)) sum += p->weights[j] = exp(p->weights[j] - maximum);
  for (size_t j = 0; j < mask->prefix; j++)
    if (heed_attention_sees(mask, j)) p->weights[j] /= sum;
  return true;
}

// d_weights[j] <- dP[b,h,i,j], dV[b,g,j,:] += P[b,h,i,j] dO[b,h,i,:]. The result is delta, here sum_j P dP, which is sum_e dO O.
static double take_values(const Problem *p, const HeedAttentionRowMask *mask, size_t b, size_t h, size_t i) {
  const HeedAttentionShape *s = &p->shape->forward;
  const size_t g = heed_attention_group(s, h), E = s->value_dim;
  double delta = 0;
  for (size_t j = 0; j < mask->prefix; j++) {
    if (!heed_attention_sees(mask, j)) continue;
    double sum = 0;
    const double multiplier = reference_multiplier(s, b, h, i, j), kept = p->weights[j] * multiplier;
    for (size_t e = 0; e < E; e++) {
      const double d_output = element(p->inputs->d_output, p->shape->d_output, b, h, i, e);
      sum += d_output * element(p->inputs->forward.value, s->value, b, g, j, e);
      if (p->gradients->d_value) p->gradients->d_value[((b * s->key_value_heads + g) * s->key_length + j) * E + e] += kept * d_output;
    }
    p->d_weights[j] = multiplier * sum;
    delta += kept * sum;
  }
  return delta;
}

// dQ[b,h,i,:], dK[b,g,j,:] and dA[b,h,i,j] from dS.
static void take_scores(const Problem *p, const HeedAttentionRowMask *mask, size_t b, size_t h, size_t i, double delta) {
  const HeedAttentionShape *s = &p->shape->forward;
  const HeedAttentionReferenceGradients *out = p->gradients;
  const HeedAttentionStrides additive = p->shape->d_additive;
  const size_t g = heed_attention_group(s, h), D = s->head_dim;
  for (size_t j = 0; j < mask->prefix; j++) {
    if (!heed_attention_sees(mask, j)) continue;
    const double ds = p->weights[j] * (p->d_weights[j] - delta), scaled = (double)s->scale * ds;
    for (size_t d = 0; d < D; d++) {
      if (out->d_query)
        out->d_query[((b * s->heads + h) * s->query_length + i) * D + d] += scaled * element(p->inputs->forward.key, s->key, b, g, j, d);
      if (out->d_key)
        out->d_key[((b * s->key_value_heads + g) * s->key_length + j) * D + d] +=
            scaled * element(p->inputs->forward.query, s->query, b, h, i, d);
    }
    if (out->d_additive) out->d_additive[heed_attention_row_offset(additive, b, h, i) + (ptrdiff_t)j * additive.column] += ds;
  }
}

static void clear(double *data, size_t count) {
  for (size_t i = 0; data && i < count; i++) data[i] = 0;
}

static void clear_all(const Problem *p) {
  const HeedAttentionShape *s = &p->shape->forward;
  const HeedAttentionStrides additive = p->shape->d_additive;
  clear(p->gradients->d_query, s->batch * s->heads * s->query_length * s->head_dim);
  clear(p->gradients->d_key, s->batch * s->key_value_heads * s->key_length * s->head_dim);
  clear(p->gradients->d_value, s->batch * s->key_value_heads * s->key_length * s->value_dim);
  if (!p->gradients->d_additive) return;
  for (size_t b = 0; b < s->batch; b++)
    for (size_t h = 0; h < s->heads; h++)
      for (size_t i = 0; i < s->query_length; i++)
        for (size_t j = 0; j < s->key_length; j++)
          p->gradients->d_additive[heed_attention_row_offset(additive, b, h, i) + (ptrdiff_t)j * additive.column] = 0;
}

HeedStatus heed_attention_reference_backward(const HeedAttentionBackwardShape *shape, const HeedAttentionBackwardInputs *inputs,
                                             const HeedAttentionReferenceGradients *gradients) {
  HEED_FLOAT_MODE();
  if (!gradients) return HeedStatusBadArgument;
  const HeedStatus status = heed_attention_backward_check_inputs(shape, inputs);
  if (status != HeedStatusOk) return status;
  if (gradients->d_additive && !heed_attention_d_additive_fits(shape, sizeof(double))) return HeedStatusBadStride;
  const HeedAttentionShape *s = &shape->forward;
  double *scratch = heed_scratch_push(heed_size_product(heed_size_product(2, s->key_length), sizeof(double)));
  if (!scratch) return HeedStatusOutOfMemory;
  const Problem problem = {shape, inputs, gradients, scratch, scratch + s->key_length};
  clear_all(&problem);
  for (size_t b = 0; b < s->batch; b++)
    for (size_t h = 0; h < s->heads; h++)
      for (size_t i = 0; i < s->query_length; i++) {
        const HeedAttentionRowMask mask = heed_attention_row_mask(s, &inputs->forward, b, h, i);
        if (!weigh_row(&problem, &mask, b, h, i)) continue;
        take_scores(&problem, &mask, b, h, i, take_values(&problem, &mask, b, h, i));
      }
  heed_scratch_pop(scratch);
  return HeedStatusOk;
}
