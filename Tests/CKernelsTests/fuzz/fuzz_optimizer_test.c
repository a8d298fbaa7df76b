// Random optimiser steps and what is done to gradients before them. See fuzz_support.h.

#include "fuzz_support.h"

#define SPANS 4

typedef struct Spans {
  size_t count;
  FuzzArray value[SPANS], gradient[SPANS], m[SPANS], v[SPANS], v_max[SPANS];
  FuzzArray oracle_value[SPANS], oracle_m[SPANS], oracle_v[SPANS], oracle_v_max[SPANS];
  HeedOptimizerParameter spans[SPANS];
} Spans;

// A span as floats and the same numbers in float64.
static void pair(const char *name, size_t count, double scale, bool positive, FuzzArray *x, FuzzArray *oracle) {
  *x = FUZZ_FLOATS(name, FuzzWritten, FuzzContiguous, count);
  *oracle = FUZZ_DOUBLES(name, count);
  fuzz_fill(x, scale);
  for (size_t i = 0; i < count; i++) {
    float *value = fuzz_element(x, i);
    if (positive) *value = fabsf(*value);
    FUZZ_AT(double, *oracle, i) = (double)*value;
  }
}

static void build(Spans *s) {
  s->count = fuzz_is_large ? 2 : fuzz_below(SPANS + 1);
  for (size_t i = 0; i < s->count; i++) {
    const size_t n = fuzz_is_large ? 15000 + fuzz_below(30000) : fuzz_one_in(6) ? 0 : fuzz_below(60);
    s->gradient[i] = FUZZ_FLOATS("gradient", FuzzRead, FuzzContiguous, n);
    fuzz_fill(&s->gradient[i], 1);
    pair("value", n, 1, false, &s->value[i], &s->oracle_value[i]), pair("m", n, 0.5, false, &s->m[i], &s->oracle_m[i]);
    pair("v", n, 0.5, true, &s->v[i], &s->oracle_v[i]), pair("v_max", n, 0.5, true, &s->v_max[i], &s->oracle_v_max[i]);
    s->spans[i] = (HeedOptimizerParameter){
        n, s->value[i].data, s->gradient[i].data, s->m[i].data, s->v[i].data, s->v_max[i].data, fuzz_one_in(2) ? 0 : 0.01};
  }
}

static double bad_amount(void) {
  static const double bad[] = {-1, NAN, INFINITY, -0.001};
  return bad[fuzz_below(4)];
}

// The reference refuses a span's weight decay too; of what else is wrong with it, it does not know.
static HeedStatus of_decay(HeedStatus expected, const HeedOptimizerParameter *span) {
  return span->weight_decay >= 0 && isfinite(span->weight_decay) ? expected : HeedStatusBadArgument;
}

// One span's array missing, its count too large or its weight decay no amount.
static HeedStatus spoil_span(Spans *s, bool m, bool v, bool v_max) {
  if (s->count == 0) return HeedStatusOk;
  const size_t i = fuzz_below(s->count);
  HeedOptimizerParameter *x = &s->spans[i];
  switch (fuzz_below(7)) {
  case 0:
    return fuzz_huge(&x->count);
  case 1:
    return fuzz_null(&x->value, &s->value[i]);
  case 2:
    return fuzz_null(&x->gradient, &s->gradient[i]);
  case 3:
    return m ? fuzz_null(&x->m, &s->m[i]) : HeedStatusOk;
  case 4:
    x->weight_decay = bad_amount();
    return HeedStatusBadArgument;
  case 5:
    return v ? fuzz_null(&x->v, &s->v[i]) : HeedStatusOk;
  default:
    return v_max ? fuzz_null(&x->v_max, &s->v_max[i]) : HeedStatusOk;
  }
}

FUZZ(optimizer_sgd) {
  Spans s = {0};
  build(&s);
  HeedOptimizerSgd sgd = {
      .lr = 0.1, .momentum = fuzz_one_in(2) ? 0 : 0.9, .step = 1 + fuzz_below(3), .gradient_scale = fuzz_one_in(2) ? 1 : 0.5f};
  sgd.nesterov = sgd.momentum > 0 && fuzz_one_in(2), sgd.dampening = !sgd.nesterov && fuzz_one_in(2) ? 0.25 : 0;
  HeedStatus expected = HeedStatusOk, of_spans = HeedStatusOk;
  switch (fuzz_spoil(4)) {
  case 0: {
    double *const amounts[] = {&sgd.lr, &sgd.momentum, &sgd.dampening};
    *amounts[fuzz_below(3)] = bad_amount(), expected = HeedStatusBadArgument;
    break;
  }
  case 1:
    sgd.step = 0, expected = HeedStatusBadArgument;
    break;
  case 2:
    expected = fuzz_not_finite(&sgd.gradient_scale);
    break;
  case 3:
    of_spans = spoil_span(&s, sgd.momentum != 0, false, false);
    break;
  default:
    break;
  }
  for (size_t i = 0; i < s.count; i++) {
    FUZZ_CALL(of_decay(expected, &s.spans[i]),
              heed_optimizer_reference_sgd(&sgd, s.spans[i].weight_decay, s.gradient[i].count, s.gradient[i].data, s.oracle_value[i].data,
                                           s.oracle_m[i].data));
    fuzz_keep(&s.oracle_value[i]), fuzz_keep(&s.oracle_m[i]);
  }
  if (expected == HeedStatusOk) expected = of_spans;
  if (!FUZZ_CALL(expected, heed_optimizer_sgd(&sgd, s.count, s.spans))) return;
  for (size_t i = 0; i < s.count; i++) {
    fuzz_near(&s.value[i], &s.oracle_value[i], NULL, 8 * EPSILON * 5);
    if (sgd.momentum != 0) fuzz_near(&s.m[i], &s.oracle_m[i], NULL, 8 * EPSILON * 5);
  }
}

FUZZ(optimizer_adam) {
  Spans s = {0};
  build(&s);
  HeedOptimizerAdam adam = {.lr = 0.01,
                            .beta1 = fuzz_one_in(4) ? 0 : 0.9,
                            .beta2 = fuzz_one_in(4) ? 0.5 : 0.999,
                            .eps = 1e-3,
                            .decoupled = fuzz_one_in(2),
                            .amsgrad = fuzz_one_in(2),
                            .step = 1 + fuzz_below(20),
                            .gradient_scale = fuzz_one_in(2) ? 1 : 0.5f};
  HeedStatus expected = HeedStatusOk, of_spans = HeedStatusOk;
  switch (fuzz_spoil(5)) {
  case 0: {
    double *const amounts[] = {&adam.lr, &adam.beta1, &adam.beta2, &adam.eps};
    *amounts[fuzz_below(4)] = bad_amount(), expected = HeedStatusBadArgument;
    break;
  }
  case 1:
    *(fuzz_one_in(2) ? &adam.beta1 : &adam.beta2) = 1, expected = HeedStatusBadArgument;
    break;
  case 2:
    adam.step = 0, expected = HeedStatusBadArgument;
    break;
  case 3:
    expected = fuzz_not_finite(&adam.gradient_scale);
    break;
  case 4:
    of_spans = spoil_span(&s, true, true, adam.amsgrad);
    break;
  default:
    break;
  }
  for (size_t i = 0; i < s.count; i++) {
    FUZZ_CALL(of_decay(expected, &s.spans[i]),
              heed_optimizer_reference_adam(&adam, s.spans[i].weight_decay, s.gradient[i].count, s.gradient[i].data, s.oracle_value[i].data,
                                            s.oracle_m[i].data, s.oracle_v[i].data, s.oracle_v_max[i].data));
    fuzz_keep(&s.oracle_value[i]), fuzz_keep(&s.oracle_m[i]), fuzz_keep(&s.oracle_v[i]), fuzz_keep(&s.oracle_v_max[i]);
  }
  if (expected == HeedStatusOk) expected = of_spans;
  if (!FUZZ_CALL(expected, heed_optimizer_adam(&adam, s.count, s.spans))) return;
  for (size_t i = 0; i < s.count; i++) {
    // A second moment of nearly nothing makes a step of rate / epsilon times the first, at most 20.
    fuzz_near(&s.value[i], &s.oracle_value[i], NULL, 64 * EPSILON * 25);
    fuzz_near(&s.m[i], &s.oracle_m[i], NULL, 8 * EPSILON * 5), fuzz_near(&s.v[i], &s.oracle_v[i], NULL, 8 * EPSILON * 12);
    if (adam.amsgrad) fuzz_near(&s.v_max[i], &s.oracle_v_max[i], NULL, 8 * EPSILON * 12);
  }
}

FUZZ(gradients) {
  const size_t count = fuzz_is_large ? 2 : fuzz_below(SPANS + 1);
  HeedOptimizerSpan spans[SPANS], sources[SPANS];
  FuzzArray x[SPANS], y[SPANS], sums[SPANS], norm = FUZZ_DOUBLES("norm", 1),
                                             bad = fuzz_array("not finite", FuzzWritten, FuzzContiguous, sizeof(size_t), FUZZ_SIZES(1));
  const float factor = (float)fuzz_number();
  double squares = 0;
  for (size_t i = 0; i < count; i++) {
    const size_t n = fuzz_is_large ? 15000 + fuzz_below(30000) : fuzz_one_in(6) ? 0 : fuzz_below(60);
    x[i] = FUZZ_FLOATS("gradient", FuzzWritten, FuzzContiguous, n), y[i] = FUZZ_FLOATS("source", FuzzRead, FuzzContiguous, n),
    sums[i] = FUZZ_DOUBLES("oracle", n);
    fuzz_fill(&x[i], 1), fuzz_fill(&y[i], 1);
    for (size_t e = 0; e < n; e++) {
      const double before = (double)FUZZ_AT(float, x[i], e);
      squares += before * before;
      FUZZ_AT(double, sums[i], e) = before + (double)factor * (double)FUZZ_AT(float, y[i], e);
    }
    spans[i] = (HeedOptimizerSpan){n, x[i].data}, sources[i] = (HeedOptimizerSpan){n, y[i].data};
  }
  HeedStatus expected = HeedStatusOk;
  float given = factor;
  bool of_factor = false;
  if (count > 0) {
    const size_t i = fuzz_below(count);
    switch (fuzz_spoil(3)) {
    case 0:
      expected = fuzz_huge(&spans[i].count);
      break;
    case 1:
      expected = fuzz_null(&spans[i].data, &x[i]);
      break;
    case 2:
      of_factor = true, fuzz_not_finite(&given);
      break;
    default:
      break;
    }
  }
  if (FUZZ_CALL(expected, heed_optimizer_gradient_norm(count, spans, norm.data, bad.data))) {
    if (fabs(FUZZ_AT(double, norm, 0) - sqrt(squares)) > 1e-12 * sqrt(squares))
      fuzz_fail("a norm of %.17g and not %.17g", FUZZ_AT(double, norm, 0), sqrt(squares));
    if (FUZZ_AT(size_t, bad, 0) != count) fuzz_fail("span %zu is not finite", FUZZ_AT(size_t, bad, 0));
  }
  const HeedStatus status = of_factor ? HeedStatusBadArgument : expected;
  if (!FUZZ_CALL(status, heed_optimizer_gradient_accumulate(count, spans, sources, given))) return;
  for (size_t i = 0; i < count; i++) fuzz_near(&x[i], &sums[i], NULL, 2 * EPSILON * 6);
}
