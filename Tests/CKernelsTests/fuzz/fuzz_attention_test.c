// Random attention forward, every arm, float32 and bfloat16. See fuzz_support.h.

#include "fuzz_attention.h"

typedef struct Outputs {
  FuzzArray output, log_sum_exp, weights, reference, reference_log_sum_exp, magnitude;
  HeedStatus expected;
} Outputs;

static Outputs build_outputs(FuzzAttention *x) {
  const HeedAttentionShape *s = &x->shape;
  const size_t B = s->batch, H = s->heads, Nq = s->query_length, Nk = s->key_length, E = s->value_dim;
  Outputs out = {.output = FUZZ_FLOATS("output", FuzzWritten, FuzzAny, B, H, Nq, E),
                 .log_sum_exp = FUZZ_FLOATS("log_sum_exp", FuzzWritten, FuzzContiguous, B, H, Nq),
                 .weights = FUZZ_FLOATS("weights", FuzzWritten, FuzzContiguous, B, H, Nq, Nk),
                 .reference = FUZZ_DOUBLES("reference", B, H, Nq, E),
                 .reference_log_sum_exp = FUZZ_DOUBLES("reference L", B, H, Nq),
                 .magnitude = FUZZ_DOUBLES("magnitude", B, H, Nq, E)};
  x->shape.output = fuzz_strides(&out.output);
  return out;
}

// The output's own mistakes, where nothing else is wrong.
static void spoil_outputs(FuzzAttention *x, Outputs *out, HeedAttentionOutputs *given) {
  *given = (HeedAttentionOutputs){out->output.data, fuzz_one_in(2) ? out->log_sum_exp.data : NULL, NULL};
  if (out->output.count > 0 && !given->output) given->output = out->output.data;
  out->expected = x->expected;
  if (x->expected != HeedStatusOk || !fuzz_one_in(10)) return;
  const int d = (int)fuzz_below(4);
  ptrdiff_t *const strides[] = {&x->shape.output.batch, &x->shape.output.head, &x->shape.output.row, &x->shape.output.column};
  switch (fuzz_below(3)) {
  case 0:
    out->expected = fuzz_far(strides[d], &out->output, d);
    break;
  case 1:
    out->expected = fuzz_overlap(strides[d], &out->output, d);
    break;
  default:
    out->expected = fuzz_null(&given->output, &out->output);
    break;
  }
}

// eps of sum P |V|: what sums round, and what the scores' rounding makes of it.
static double tolerance(const HeedAttentionShape *s, double largest) {
  return (16 + 2 * largest + (double)s->key_length / 16 + (double)s->head_dim * largest / 8) * EPSILON;
}

static void check_log_sum_exp(const Outputs *out, const HeedAttentionOutputs *given, double factor) {
  if (given->log_sum_exp) fuzz_near(&out->log_sum_exp, &out->reference_log_sum_exp, NULL, factor);
}

FUZZ(attention) {
  static const struct {
    HeedAttentionForward forward;
    bool weights, decodes;
  } arms[] = {{heed_attention_naive_forward, true, false},
              {heed_attention_materialized_forward, true, false},
              {heed_attention_tiled_forward, false, false},
              {heed_attention_decode_forward, false, true},
              {heed_attention_automatic_forward, false, false}};
  const size_t chosen = fuzz_below(5);
  const bool decodes = arms[chosen].decodes, masks = !decodes || fuzz_one_in(8);
  fuzz_note("arm", (double)chosen);
  FuzzAttention x = {0};
  fuzz_attention_build(&x, masks, decodes && !fuzz_one_in(8));
  Outputs out = build_outputs(&x);
  const bool weights = fuzz_one_in(3);
  fuzz_attention_spoil(&x);
  double largest = 0;
  const bool right = fuzz_attention_reference(&x, &out.reference, &out.reference_log_sum_exp, &out.magnitude, &largest);
  if (!right && x.expected == HeedStatusOk) return;
  HeedAttentionOutputs given;
  spoil_outputs(&x, &out, &given);
  if (weights) given.weights = out.weights.data;
  // What an arm does not take it says where nothing is wrong.
  if (out.expected == HeedStatusOk && given.weights && !arms[chosen].weights) out.expected = HeedStatusNotSupported;
  if (out.expected == HeedStatusOk && decodes && (x.inputs.boolean || x.inputs.additive || x.shape.dropout.probability > 0))
    out.expected = HeedStatusNotSupported;
  const bool columns = (x.shape.head_dim <= 1 || x.shape.key.column == 1) && (x.shape.value_dim <= 1 || x.shape.value.column == 1);
  if (decodes && !columns && out.expected == HeedStatusOk) out.expected = HeedStatusBadStride;
  if (!FUZZ_CALL(out.expected, arms[chosen].forward(&x.shape, &x.inputs, &given))) return;
  const double factor = tolerance(&x.shape, largest);
  fuzz_near(&out.output, &out.reference, &out.magnitude, factor);
  check_log_sum_exp(&out, &given, factor + 2 * EPSILON * largest);
}

// bfloat16: P is rounded to 8 bits for the second product.
FUZZ(attention_bf16) {
  static const HeedAttentionForward arms[] = {heed_attention_tiled_forward, heed_attention_decode_forward,
                                              heed_attention_automatic_forward};
  FuzzAttention x = {0};
  const size_t chosen = fuzz_below(3);
  fuzz_note("arm", (double)chosen);
  fuzz_attention_build(&x, chosen != 1, chosen == 1);
  FuzzArray query = fuzz_bf16(&x.query), key = fuzz_bf16(&x.key), value = fuzz_bf16(&x.value);
  x.shape.dropout.probability = 0;
  Outputs out = build_outputs(&x);
  fuzz_attention_spoil(&x);
  double largest = 0;
  const bool right = fuzz_attention_reference(&x, &out.reference, &out.reference_log_sum_exp, &out.magnitude, &largest);
  if (!right && x.expected == HeedStatusOk) return;
  HeedAttentionOutputs given;
  spoil_outputs(&x, &out, &given);
  if (x.shape.element == HeedElementFloat32) x.shape.element = HeedElementBfloat16; // not spoilt
  if (x.inputs.query) x.inputs.query = query.data;
  if (x.inputs.key) x.inputs.key = key.data;
  if (x.inputs.value) x.inputs.value = value.data;
  const bool columns = (x.shape.head_dim <= 1 || x.shape.key.column == 1) && (x.shape.value_dim <= 1 || x.shape.value.column == 1);
  if (chosen == 1 && !columns && out.expected == HeedStatusOk) out.expected = HeedStatusBadStride;
  if (!FUZZ_CALL(out.expected, arms[chosen](&x.shape, &x.inputs, &given))) return;
  const double factor = tolerance(&x.shape, largest);
  fuzz_near(&out.output, &out.reference, &out.magnitude, 0x1p-8 + factor);
  check_log_sum_exp(&out, &given, factor + 2 * EPSILON * largest);
}
