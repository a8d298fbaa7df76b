// Random problems of attention. See fuzz_attention.h.

#include "fuzz_attention.h"

HeedAttentionStrides fuzz_strides(const FuzzArray *x) {
  return (HeedAttentionStrides){x->stride[0], x->stride[1], x->stride[2], x->stride[3]};
}

static size_t edge(size_t most) {
  static const size_t edges[] = {15, 16, 17, 63, 64, 65, 130};
  return !fuzz_is_large && fuzz_one_in(10) ? edges[fuzz_below(7)] : fuzz_size(most);
}

static void hide(FuzzAttention *x) {
  const size_t G = x->shape.key_value_heads, Nk = x->shape.key_length, D = x->shape.head_dim, E = x->shape.value_dim;
  for (size_t row = 0; row < x->shape.batch * G * Nk; row++) {
    if ((int64_t)(row % Nk) < FUZZ_AT(int64_t, x->lengths, row / Nk / G)) continue;
    for (size_t d = 0; d < D; d++) FUZZ_AT(float, x->key, row *D + d) = NAN;
    for (size_t e = 0; e < E; e++) FUZZ_AT(float, x->value, row *E + e) = NAN;
  }
}

void fuzz_attention_build(FuzzAttention *x, bool masks, bool rows) {
  const size_t G = fuzz_is_large ? 1 + fuzz_below(2) : fuzz_size(3), H = G * (1 + fuzz_below(3)),
               B = fuzz_is_large ? 1 + fuzz_below(3) : fuzz_size(3), Nq = edge(12), Nk = edge(20), D = fuzz_size(20), E = fuzz_size(20);
  const FuzzLayout layout = rows ? FuzzRows : FuzzAny;
  x->query = FUZZ_FLOATS("query", FuzzRead, FuzzAny, B, H, Nq, D);
  x->key = FUZZ_FLOATS("key", FuzzRead, layout, B, G, Nk, D);
  x->value = FUZZ_FLOATS("value", FuzzRead, layout, B, G, Nk, E);
  x->lengths = fuzz_array("lengths", FuzzRead, FuzzContiguous, sizeof(int64_t), FUZZ_SIZES(B));
  x->shape = (HeedAttentionShape){.batch = B,
                                  .heads = H,
                                  .key_value_heads = G,
                                  .query_length = Nq,
                                  .key_length = Nk,
                                  .head_dim = D,
                                  .value_dim = E,
                                  .query = fuzz_strides(&x->query),
                                  .key = fuzz_strides(&x->key),
                                  .value = fuzz_strides(&x->value),
                                  .scale = fuzz_one_in(8) ? 0 : (float)fuzz_number()};
  x->inputs = (HeedAttentionInputs){.query = x->query.data, .key = x->key.data, .value = x->value.data};
  fuzz_fill(&x->query, 1), fuzz_fill(&x->key, 2), fuzz_fill(&x->value, 1);
  if (fuzz_one_in(3)) {
    x->inputs.key_lengths = x->lengths.data;
    fuzz_fill_integers(&x->lengths, 0, (int64_t)Nk);
    x->hidden = B > 0 && !x->key.repeats && !x->value.repeats && fuzz_one_in(2);
    if (x->hidden) hide(x);
  }
  if (fuzz_one_in(3)) {
    x->shape.causal = true;
    x->shape.causal_offset =
        fuzz_one_in(8) ? (fuzz_one_in(2) ? PTRDIFF_MAX : PTRDIFF_MIN) : (ptrdiff_t)fuzz_below(2 * Nk + 1) - (ptrdiff_t)Nk;
    if (fuzz_one_in(2)) x->shape.window = fuzz_one_in(8) ? SIZE_MAX : fuzz_below(Nk + 2);
  }
  if (!masks) return;
  if (fuzz_one_in(4)) {
    x->boolean = fuzz_array("boolean", FuzzRead, FuzzAny, 1, FUZZ_SIZES(B, H, Nq, Nk));
    fuzz_fill_bytes(&x->boolean, 3);
    x->inputs.boolean = x->boolean.data, x->shape.boolean = fuzz_strides(&x->boolean);
  }
  if (fuzz_one_in(4)) {
    x->additive = FUZZ_FLOATS("additive", FuzzRead, FuzzAny, B, H, Nq, Nk);
    fuzz_fill(&x->additive, 1);
    for (size_t i = 0; i < x->additive.count; i++)
      if (fuzz_one_in(4)) FUZZ_AT(float, x->additive, i) = -INFINITY;
    x->inputs.additive = x->additive.data, x->shape.additive = fuzz_strides(&x->additive);
  }
  if (fuzz_one_in(6)) x->shape.dropout = (HeedAttentionDropout){(float)fuzz_below(8) / 8, fuzz_below(100), fuzz_below(100)};
}

void fuzz_attention_spoil(FuzzAttention *x) {
  HeedAttentionShape *s = &x->shape;
  x->expected = HeedStatusOk;
  switch (fuzz_spoil(14)) {
  case 0: {
    size_t *const sizes[] = {&s->batch, &s->query_length, &s->key_length, &s->head_dim, &s->value_dim};
    x->expected = fuzz_huge(sizes[fuzz_below(5)]);
    break;
  }
  case 1:
    if (s->heads > 0) s->key_value_heads = fuzz_one_in(2) ? 0 : s->heads + 1, x->expected = HeedStatusBadShape;
    break;
  case 2:
    x->expected = fuzz_far(&s->query.row, &x->query, 2);
    break;
  case 3:
    x->expected = fuzz_far(&s->key.head, &x->key, 1);
    break;
  case 4:
    x->expected = fuzz_far(&s->value.batch, &x->value, 0);
    break;
  case 5:
    x->expected = fuzz_not_finite(&s->scale);
    break;
  case 6:
    if (!s->causal) s->window = 1 + fuzz_below(3), x->expected = HeedStatusBadArgument;
    break;
  case 7:
    s->dropout.probability = fuzz_one_in(2) ? 1 : fuzz_one_in(2) ? -0.5f : NAN, x->expected = HeedStatusBadArgument;
    break;
  case 8:
    if (x->inputs.key_lengths) x->expected = fuzz_length(&x->lengths, (int64_t)s->key_length);
    break;
  case 9:
    x->expected = fuzz_null(&x->inputs.query, &x->query);
    break;
  case 10:
    x->expected = fuzz_null(&x->inputs.key, &x->key);
    break;
  case 11:
    x->expected = fuzz_null(&x->inputs.value, &x->value);
    break;
  case 12:
    x->expected = fuzz_enum(&s->element, HEED_ELEMENT_COUNT);
    break;
  case 13:
    if (x->inputs.additive)
      x->expected = fuzz_far(&s->additive.row, &x->additive, 2);
    else if (x->inputs.boolean)
      x->expected = fuzz_far(&s->boolean.column, &x->boolean, 3);
    break;
  default:
    break;
  }
}

bool fuzz_attention_reference(const FuzzAttention *x, FuzzArray *output, FuzzArray *log_sum_exp, FuzzArray *magnitude, double *largest) {
  HeedAttentionReferenceOutputs outputs = {
      .output = output->data, .log_sum_exp = log_sum_exp ? log_sum_exp->data : NULL, .largest_score = largest};
  if (!FUZZ_CALL(x->expected, heed_attention_reference_forward(&x->shape, &x->inputs, &outputs))) return false;
  fuzz_keep(output);
  if (log_sum_exp) fuzz_keep(log_sum_exp);
  FuzzArray absolute =
      FUZZ_FLOATS("|value|", FuzzRead, FuzzContiguous, x->value.size[0], x->value.size[1], x->value.size[2], x->value.size[3]);
  for (size_t i = 0; i < absolute.count; i++) FUZZ_AT(float, absolute, i) = fabsf(FUZZ_AT(float, x->value, i));
  FuzzAttention positive = *x;
  positive.inputs.value = absolute.data, positive.shape.value = fuzz_strides(&absolute);
  outputs = (HeedAttentionReferenceOutputs){.output = magnitude->data};
  const bool right = FUZZ_CALL(HeedStatusOk, heed_attention_reference_forward(&positive.shape, &positive.inputs, &outputs));
  // A weight that would be denormal may count as 0.
  for (size_t i = 0; right && i < magnitude->count; i++) FUZZ_AT(double, *magnitude, i) += 0x1p-90;
  fuzz_keep(magnitude);
  return right;
}
