// Random gradients of attention, every arm, from what the tiled forward pass gave. See fuzz_support.h.

#include "fuzz_attention.h"

typedef struct Backward {
  HeedAttentionBackwardShape shape;
  HeedAttentionBackwardInputs inputs;
  HeedAttentionGradients gradients;
  FuzzArray output, log_sum_exp, d_output, query, key, value, additive;
  FuzzArray reference_query, reference_key, reference_value, reference_additive;
  HeedStatus expected, of_reference;
} Backward;

static void build(Backward *y, const FuzzAttention *x) {
  const HeedAttentionShape *s = &x->shape;
  const size_t B = s->batch, H = s->heads, G = s->key_value_heads, Nq = s->query_length, Nk = s->key_length, D = s->head_dim,
               E = s->value_dim;
  y->d_output = FUZZ_FLOATS("dO", FuzzRead, FuzzAny, B, H, Nq, E);
  fuzz_fill(&y->d_output, 1);
  y->query = FUZZ_FLOATS("dQ", FuzzWritten, FuzzAny, B, H, Nq, D), y->key = FUZZ_FLOATS("dK", FuzzWritten, FuzzAny, B, G, Nk, D);
  y->value = FUZZ_FLOATS("dV", FuzzWritten, FuzzAny, B, G, Nk, E);
  y->reference_query = FUZZ_DOUBLES("reference dQ", B, H, Nq, D), y->reference_key = FUZZ_DOUBLES("reference dK", B, G, Nk, D);
  y->reference_value = FUZZ_DOUBLES("reference dV", B, G, Nk, E);
  // Summed over some dimensions; contiguous over the others, for the reference's has the same strides.
  size_t sizes[4] = {B, H, Nq, Nk};
  const bool sums[4] = {fuzz_one_in(3), fuzz_one_in(3), fuzz_one_in(6), fuzz_one_in(6)};
  for (int d = 0; d < 4; d++)
    if (sums[d] && sizes[d] > 1) sizes[d] = 1;
  y->additive = fuzz_array("dA", FuzzWritten, FuzzContiguous, sizeof(float), 4, sizes);
  y->reference_additive = fuzz_array("reference dA", FuzzWritten, FuzzContiguous, sizeof(double), 4, sizes);
  HeedAttentionStrides a = fuzz_strides(&y->additive);
  if (sums[0]) a.batch = 0;
  if (sums[1]) a.head = 0;
  if (sums[2]) a.row = 0;
  if (sums[3]) a.column = 0;
  y->shape = (HeedAttentionBackwardShape){
      *s, fuzz_strides(&y->d_output), fuzz_strides(&y->query), fuzz_strides(&y->key), fuzz_strides(&y->value), a};
  y->inputs = (HeedAttentionBackwardInputs){x->inputs, y->output.data, y->log_sum_exp.data, y->d_output.data};
  y->gradients = (HeedAttentionGradients){fuzz_one_in(4) ? NULL : y->query.data, fuzz_one_in(4) ? NULL : y->key.data,
                                          fuzz_one_in(4) ? NULL : y->value.data, fuzz_one_in(2) ? NULL : y->additive.data};
}

// Mistakes of the backward pass's own.
static void spoil(Backward *y) {
  HeedAttentionBackwardShape *s = &y->shape;
  y->of_reference = y->expected;
  if (y->expected != HeedStatusOk || !fuzz_one_in(6)) return;
  switch (fuzz_below(7)) {
  case 0:
    y->of_reference = y->expected = fuzz_far(&s->d_output.row, &y->d_output, 2);
    break;
  case 1:
    y->of_reference = y->expected = fuzz_null(&y->inputs.d_output, &y->d_output);
    break;
  case 2:
    y->expected = fuzz_null(&y->inputs.output, &y->output);
    break;
  case 3:
    y->expected = fuzz_null(&y->inputs.log_sum_exp, &y->log_sum_exp);
    break;
  case 4:
    if (y->gradients.d_query) y->expected = fuzz_overlap(&s->d_query.row, &y->query, 2);
    break;
  case 5:
    if (y->gradients.d_key) y->expected = fuzz_far(&s->d_key.head, &y->key, 1);
    break;
  default:
    if (y->gradients.d_value) y->expected = fuzz_overlap(&s->d_value.column, &y->value, 3);
    break;
  }
}

static double largest_of(const FuzzArray *x) {
  double largest = 0;
  for (size_t i = 0; i < x->count; i++) {
    const double value = fabs((double)FUZZ_AT(float, *x, i));
    if (value > largest) largest = value; // hidden NaN apart
  }
  return largest;
}

FUZZ(attention_backward) {
  static const HeedAttentionBackward arms[] = {heed_attention_naive_backward, heed_attention_materialized_backward,
                                               heed_attention_tiled_backward};
  const size_t chosen = fuzz_below(3);
  fuzz_note("arm", (double)chosen);
  FuzzAttention x = {0};
  fuzz_attention_build(&x, true, false);
  const HeedAttentionShape right = x.shape;
  Backward y = {.output = FUZZ_FLOATS("O", FuzzWritten, FuzzAny, right.batch, right.heads, right.query_length, right.value_dim),
                .log_sum_exp = FUZZ_FLOATS("L", FuzzWritten, FuzzContiguous, right.batch, right.heads, right.query_length)};
  x.shape.output = fuzz_strides(&y.output);
  if (!FUZZ_CALL(HeedStatusOk,
                 heed_attention_tiled_forward(&x.shape, &x.inputs, &(HeedAttentionOutputs){y.output.data, y.log_sum_exp.data, NULL})))
    return;
  fuzz_keep(&y.output), fuzz_keep(&y.log_sum_exp);
  const double largest = (double)fabsf(right.scale) * (double)right.head_dim * largest_of(&x.query) * largest_of(&x.key) +
                         (right.additive.row || x.inputs.additive ? largest_of(&x.query) : 0);
  build(&y, &x);
  fuzz_attention_spoil(&x);
  y.shape.forward = x.shape, y.inputs.forward = x.inputs;
  y.expected = x.expected;
  spoil(&y);
  const HeedAttentionReferenceGradients reference = {y.reference_query.data, y.reference_key.data, y.reference_value.data,
                                                     y.reference_additive.data};
  if (!FUZZ_CALL(y.of_reference, heed_attention_reference_backward(&y.shape, &y.inputs, &reference)) && y.of_reference == HeedStatusOk)
    return;
  fuzz_keep(&y.reference_query), fuzz_keep(&y.reference_key), fuzz_keep(&y.reference_value), fuzz_keep(&y.reference_additive);
  if (!FUZZ_CALL(y.expected, arms[chosen](&y.shape, &y.inputs, &y.gradients))) return;
  // A crude bound of the terms: |dP| and |delta| are below `d_score`, P below 1; a key has terms of every query of its group. With every
  // rounding of a score a weight errs by so many eps.
  const double kept = right.dropout.probability > 0 ? 1 / (1 - (double)right.dropout.probability) : 1;
  const double d_score = 2 * kept * (double)right.value_dim * largest_of(&y.d_output) * largest_of(&x.value) + 0x1p-80;
  const double eps = (16 + 4 * largest * (1 + (double)right.head_dim / 16) + (double)right.key_length / 16) * EPSILON,
               scale = (double)fabsf(right.scale);
  const double rows = (double)right.query_length * (double)(right.key_value_heads ? right.heads / right.key_value_heads : 0);
  const double all = (double)right.batch * (double)right.heads * (double)right.query_length * (double)right.key_length;
  if (y.gradients.d_query) fuzz_near(&y.query, &y.reference_query, NULL, eps * scale * d_score * largest_of(&x.key));
  if (y.gradients.d_key) fuzz_near(&y.key, &y.reference_key, NULL, eps * scale * d_score * rows * largest_of(&x.query));
  if (y.gradients.d_value) fuzz_near(&y.value, &y.reference_value, NULL, eps * kept * rows * largest_of(&y.d_output) + 0x1p-100);
  if (y.gradients.d_additive)
    fuzz_near(&y.additive, &y.reference_additive, NULL, eps * d_score * (y.additive.count ? all / (double)y.additive.count : 0));
}
