// Random additive and multiplicative attention, forward and backward. See fuzz_support.h.

#include "fuzz_support.h"

enum { GradientQuery, GradientKey, GradientValue, GradientWeight, GradientQueryWeight, GradientKeyWeight, GradientScoreWeight, GRADIENTS };

typedef struct Scored {
  HeedScoredAttentionShape shape;
  HeedScoredAttentionInputs inputs;
  FuzzArray query, key, value, lengths, weight, query_weight, key_weight, score_weight, output, weights, reference, reference_weights;
  HeedStatus expected;
} Scored;

static HeedScoredAttentionStrides strides_of(const FuzzArray *x) {
  return (HeedScoredAttentionStrides){x->stride[0], x->stride[1], x->stride[2]};
}

static void build(Scored *x) {
  const HeedScoredAttentionScore score = (HeedScoredAttentionScore)fuzz_below(3);
  const size_t B = fuzz_is_large ? 1 + fuzz_below(4) : fuzz_size(4), N = fuzz_size(10),
               T = fuzz_one_in(12) ? 62 + fuzz_below(10) : fuzz_size(14), Hq = fuzz_size(12),
               Hk = score == HeedScoredAttentionScoreDot ? Hq : fuzz_size(12), E = fuzz_size(12), A = fuzz_one_in(10) ? 33 : fuzz_size(20);
  x->query = FUZZ_FLOATS("query", FuzzRead, FuzzAny, B, N, Hq), x->key = FUZZ_FLOATS("key", FuzzRead, FuzzAny, B, T, Hk);
  x->value = FUZZ_FLOATS("value", FuzzRead, FuzzAny, B, T, E), x->output = FUZZ_FLOATS("output", FuzzWritten, FuzzAny, B, N, E);
  x->weights = FUZZ_FLOATS("weights", FuzzWritten, FuzzContiguous, B, N, T);
  x->lengths = fuzz_array("lengths", FuzzRead, FuzzContiguous, sizeof(int64_t), FUZZ_SIZES(B));
  x->weight = FUZZ_FLOATS("weight", FuzzRead, FuzzContiguous, Hq, Hk),
  x->query_weight = FUZZ_FLOATS("query weight", FuzzRead, FuzzContiguous, A, Hq);
  x->key_weight = FUZZ_FLOATS("key weight", FuzzRead, FuzzContiguous, A, Hk),
  x->score_weight = FUZZ_FLOATS("score weight", FuzzRead, FuzzContiguous, A);
  x->reference = FUZZ_DOUBLES("reference", B, N, E), x->reference_weights = FUZZ_DOUBLES("reference weights", B, N, T);
  fuzz_fill(&x->query, 0.5), fuzz_fill(&x->key, 0.5), fuzz_fill(&x->value, 1);
  fuzz_fill(&x->weight, 0.3), fuzz_fill(&x->query_weight, 0.3), fuzz_fill(&x->key_weight, 0.3), fuzz_fill(&x->score_weight, 0.5);
  x->shape = (HeedScoredAttentionShape){.score = score,
                                        .batch = B,
                                        .query_length = N,
                                        .key_length = T,
                                        .query_dim = Hq,
                                        .key_dim = Hk,
                                        .value_dim = E,
                                        .attention_dim = A,
                                        .query = strides_of(&x->query),
                                        .key = strides_of(&x->key),
                                        .value = strides_of(&x->value),
                                        .output = strides_of(&x->output)};
  x->inputs = (HeedScoredAttentionInputs){x->query.data,        x->key.data,        x->value.data,        NULL, x->weight.data,
                                          x->query_weight.data, x->key_weight.data, x->score_weight.data, NULL};
  if (!fuzz_one_in(2)) return;
  x->inputs.lengths = x->lengths.data;
  fuzz_fill_integers(&x->lengths, 0, (int64_t)T);
  for (size_t b = 0; b < B; b++)
    if (fuzz_one_in(4)) FUZZ_AT(int64_t, x->lengths, b) = 0;
  if (B == 0 || x->key.repeats || x->value.repeats || x->query.repeats || fuzz_one_in(2)) return;
  for (size_t b = 0; b < B; b++) {
    const size_t length = (size_t)FUZZ_AT(int64_t, x->lengths, b);
    for (size_t j = length * Hk; j < T * Hk; j++) FUZZ_AT(float, x->key, j + b * T * Hk) = NAN;
    for (size_t j = length * E; j < T * E; j++) FUZZ_AT(float, x->value, j + b * T * E) = NAN;
    for (size_t i = 0; length == 0 && i < N * Hq; i++) FUZZ_AT(float, x->query, i + b * N * Hq) = NAN;
  }
}

static void spoil(Scored *x) {
  HeedScoredAttentionShape *s = &x->shape;
  const bool additive = s->score == HeedScoredAttentionScoreAdditive;
  x->expected = HeedStatusOk;
  switch (fuzz_spoil(10)) {
  case 0: {
    size_t *const sizes[] = {&s->batch, &s->query_length, &s->key_length, &s->query_dim, &s->value_dim};
    x->expected = fuzz_huge(sizes[fuzz_below(5)]);
    break;
  }
  case 1:
    x->expected = fuzz_enum(&s->score, 3);
    break;
  case 2:
    x->expected = fuzz_far(&s->query.row, &x->query, 1);
    break;
  case 3:
    x->expected = fuzz_far(&s->key.column, &x->key, 2);
    break;
  case 4:
    x->expected = fuzz_far(&s->value.batch, &x->value, 0);
    break;
  case 5:
    if (x->inputs.lengths) x->expected = fuzz_length(&x->lengths, (int64_t)s->key_length);
    break;
  case 6:
    x->expected = fuzz_null(&x->inputs.query, &x->query);
    break;
  case 7:
    x->expected = fuzz_null(&x->inputs.key, &x->key);
    break;
  case 8:
    x->expected = fuzz_null(&x->inputs.value, &x->value);
    break;
  case 9:
    if (additive)
      x->expected = fuzz_null(&x->inputs.query_weight, &x->query_weight);
    else if (s->score == HeedScoredAttentionScoreGeneral)
      x->expected = fuzz_null(&x->inputs.weight, &x->weight);
    break;
  default:
    break;
  }
}

// Errors are held absolute, against what the largest terms may be: what is left of terms that cancel says nothing. A projection and a score
// of these numbers are a few units large.
#define FORWARD_EPS  400.0
#define BACKWARD_EPS 800.0

FUZZ(scored_attention) {
  Scored x = {0};
  build(&x);
  const bool weights = fuzz_one_in(2);
  spoil(&x);
  const HeedScoredAttentionReference reference = {.output = x.reference.data, .weights = x.reference_weights.data};
  if (!FUZZ_CALL(x.expected, heed_scored_attention_reference(&x.shape, &x.inputs, NULL, &reference)) && x.expected == HeedStatusOk) return;
  fuzz_keep(&x.reference), fuzz_keep(&x.reference_weights);
  HeedScoredAttentionOutputs outputs = {x.output.data, weights ? x.weights.data : NULL};
  if (x.expected == HeedStatusOk && fuzz_one_in(12)) {
    x.expected = fuzz_one_in(2) ? fuzz_overlap(&x.shape.output.row, &x.output, 1) : fuzz_null(&outputs.output, &x.output);
  }
  if (!FUZZ_CALL(x.expected, heed_scored_attention_forward(&x.shape, &x.inputs, &outputs))) return;
  fuzz_near(&x.output, &x.reference, NULL, FORWARD_EPS * EPSILON);
  if (outputs.weights) fuzz_near(&x.weights, &x.reference_weights, NULL, FORWARD_EPS * EPSILON);
}

FUZZ(scored_attention_backward) {
  Scored x = {0};
  build(&x);
  const HeedScoredAttentionShape s = x.shape;
  const size_t B = s.batch, N = s.query_length, T = s.key_length;
  const bool additive = s.score == HeedScoredAttentionScoreAdditive;
  // The weights of the forward pass.
  if (!FUZZ_CALL(HeedStatusOk,
                 heed_scored_attention_forward(&x.shape, &x.inputs, &(HeedScoredAttentionOutputs){x.output.data, x.weights.data})))
    return;
  fuzz_keep(&x.weights);
  FuzzArray d_output = FUZZ_FLOATS("dO", FuzzRead, FuzzAny, B, N, s.value_dim),
            direct = FUZZ_FLOATS("dP", FuzzRead, FuzzContiguous, B, N, T);
  fuzz_fill(&d_output, 1), fuzz_fill(&direct, 1);
  x.shape.d_output = strides_of(&d_output);
  HeedScoredAttentionOutputGradients d_outputs = {fuzz_one_in(6) ? NULL : d_output.data, fuzz_one_in(2) ? direct.data : NULL,
                                                  x.weights.data};
  const size_t sizes[GRADIENTS][3] = {{B, N, s.query_dim},
                                      {B, T, s.key_dim},
                                      {B, T, s.value_dim},
                                      {1, s.query_dim, s.key_dim},
                                      {1, s.attention_dim, s.query_dim},
                                      {1, s.attention_dim, s.key_dim},
                                      {1, 1, s.attention_dim}};
  static const char *const names[GRADIENTS] = {"dquery", "dkey", "dvalue", "dweight", "dquery weight", "dkey weight", "dscore weight"};
  FuzzArray gradient[GRADIENTS], oracle[GRADIENTS];
  float *wanted[GRADIENTS];
  double *results[GRADIENTS];
  x.shape.accumulate = fuzz_one_in(2);
  for (int i = 0; i < GRADIENTS; i++) {
    gradient[i] = fuzz_array(names[i], FuzzWritten, FuzzContiguous, sizeof(float), 3, sizes[i]);
    oracle[i] = fuzz_array(names[i], FuzzWritten, FuzzContiguous, sizeof(double), 3, sizes[i]);
    const bool exists =
        i <= GradientKey || i == GradientValue || (i == GradientWeight ? s.score == HeedScoredAttentionScoreGeneral : additive);
    wanted[i] = exists && !fuzz_one_in(4) ? gradient[i].data : NULL;
    results[i] = exists ? oracle[i].data : NULL;
    if (i >= GradientWeight && x.shape.accumulate) fuzz_fill(&gradient[i], 1);
  }
  spoil(&x);
  const HeedStatus of_reference = x.expected;
  if (x.expected == HeedStatusOk && fuzz_one_in(12)) x.expected = fuzz_null(&d_outputs.weights, &x.weights);
  const HeedScoredAttentionReference reference = {NULL,       NULL,       results[0], results[1], results[2],
                                                  results[3], results[4], results[5], results[6]};
  if (!FUZZ_CALL(of_reference, heed_scored_attention_reference(&x.shape, &x.inputs, &d_outputs, &reference)) && x.expected == HeedStatusOk)
    return;
  for (int i = 0; x.expected == HeedStatusOk && i < GRADIENTS; i++) {
    const bool adds = i >= GradientWeight && x.shape.accumulate;
    for (size_t e = 0; adds && results[i] && e < oracle[i].count; e++)
      FUZZ_AT(double, oracle[i], e) += (double)FUZZ_AT(float, gradient[i], e);
    fuzz_keep(&oracle[i]);
  }
  const HeedScoredAttentionGradients g = {wanted[0], wanted[1], wanted[2], wanted[3], wanted[4], wanted[5], wanted[6]};
  if (!FUZZ_CALL(x.expected, heed_scored_attention_backward(&x.shape, &x.inputs, &d_outputs, &g))) return;
  for (int i = 0; i < GRADIENTS; i++)
    if (wanted[i]) fuzz_near(&gradient[i], &oracle[i], NULL, BACKWARD_EPS * EPSILON * (double)(1 + N * T + s.value_dim) / 8);
}

// Keys prepared ahead give the bits of keys as they are, and what comes back through them the same gradients.
FUZZ(prepared_keys) {
  Scored x = {0};
  build(&x);
  if (x.shape.score != HeedScoredAttentionScoreAdditive) return;
  const size_t floats = heed_scored_attention_additive_prepared_size(&x.shape);
  FuzzArray prepared = FUZZ_FLOATS("prepared", FuzzWritten, FuzzContiguous, floats),
            again = FUZZ_FLOATS("output again", FuzzWritten, FuzzContiguous, x.output.size[0], x.output.size[1], x.output.size[2]);
  if (!FUZZ_CALL(HeedStatusOk, heed_scored_attention_forward(&x.shape, &x.inputs, &(HeedScoredAttentionOutputs){x.output.data, NULL})))
    return;
  fuzz_keep(&x.output);
  HeedScoredAttentionShape s = x.shape;
  HeedScoredAttentionInputs in = x.inputs;
  HeedStatus expected = HeedStatusOk;
  float *target = prepared.data;
  switch (fuzz_spoil(6)) {
  case 0:
    expected = fuzz_huge(&s.key_length);
    break;
  case 1:
    expected = fuzz_null(&in.key, &x.key);
    break;
  case 2:
    expected = fuzz_null(&in.key_weight, &x.key_weight);
    break;
  case 3:
    expected = fuzz_far(&s.key.row, &x.key, 1);
    break;
  case 4:
    s.score = HeedScoredAttentionScoreGeneral, expected = HeedStatusBadArgument;
    break;
  case 5:
    target = NULL, expected = s.batch && s.key_length ? HeedStatusBadArgument : HeedStatusOk;
    break;
  default:
    break;
  }
  if (!FUZZ_CALL(expected, heed_scored_attention_additive_prepare_keys(&s, &in, target))) return;
  fuzz_keep(&prepared);
  s.output = strides_of(&again);
  in.prepared_keys = prepared.data, in.key = NULL, in.key_weight = NULL;
  if (!prepared.data || s.key_length == 0) return;
  if (FUZZ_CALL(HeedStatusOk, heed_scored_attention_forward(&s, &in, &(HeedScoredAttentionOutputs){again.data, NULL})))
    fuzz_same(&again, &x.output);
}
