// Random optimiser steps and what is done to gradients before them. See fuzz_support.h.

#include "fuzz_support.h"

#define SPANS 4

typedef struct Spans {
  size_t count;
  FuzzArray value[SPANS], gradient[SPANS], first[SPANS], second[SPANS], largest[SPANS];
  FuzzArray oracle_value[SPANS], oracle_first[SPANS], oracle_second[SPANS], oracle_largest[SPANS];
  HeedParameterSpan spans[SPANS];
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
    pair("value", n, 1, false, &s->value[i], &s->oracle_value[i]), pair("first", n, 0.5, false, &s->first[i], &s->oracle_first[i]);
    pair("second", n, 0.5, true, &s->second[i], &s->oracle_second[i]), pair("largest", n, 0.5, true, &s->largest[i], &s->oracle_largest[i]);
    s->spans[i] = (HeedParameterSpan){n, s->value[i].data, s->gradient[i].data, s->first[i].data, s->second[i].data, s->largest[i].data};
  }
}

static double bad_amount(void) {
  static const double bad[] = {-1, NAN, INFINITY, -0.001};
  return bad[fuzz_below(4)];
}

// One span's array missing, or its count too large.
static HeedStatus spoil_span(Spans *s, bool first, bool others, bool largest) {
  if (s->count == 0) return HeedStatusOk;
  const size_t i = fuzz_below(s->count);
  HeedParameterSpan *x = &s->spans[i];
  switch (fuzz_below(6)) {
  case 0:
    return fuzz_huge(&x->count);
  case 1:
    return fuzz_null(&x->value, &s->value[i]);
  case 2:
    return fuzz_null(&x->gradient, &s->gradient[i]);
  case 3:
    return first ? fuzz_null(&x->first, &s->first[i]) : HeedStatusOk;
  case 4:
    return others ? fuzz_null(&x->second, &s->second[i]) : HeedStatusOk;
  default:
    return largest ? fuzz_null(&x->largest, &s->largest[i]) : HeedStatusOk;
  }
}

FUZZ(optimizer_sgd) {
  Spans s = {0};
  build(&s);
  HeedSgd sgd = {.learning_rate = 0.1,
                 .momentum = fuzz_one_in(2) ? 0 : 0.9,
                 .weight_decay = fuzz_one_in(2) ? 0 : 0.01,
                 .step = 1 + fuzz_below(3),
                 .gradient_scale = fuzz_one_in(2) ? 1 : 0.5f};
  sgd.nesterov = sgd.momentum > 0 && fuzz_one_in(2), sgd.dampening = !sgd.nesterov && fuzz_one_in(2) ? 0.25 : 0;
  HeedStatus expected = HeedStatusOk, of_spans = HeedStatusOk;
  switch (fuzz_spoil(4)) {
  case 0: {
    double *const amounts[] = {&sgd.learning_rate, &sgd.momentum, &sgd.weight_decay, &sgd.dampening};
    *amounts[fuzz_below(4)] = bad_amount(), expected = HeedStatusBadArgument;
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
    FUZZ_CALL(expected,
              heed_optimizer_reference_sgd(&sgd, s.gradient[i].count, s.gradient[i].data, s.oracle_value[i].data, s.oracle_first[i].data));
    fuzz_keep(&s.oracle_value[i]), fuzz_keep(&s.oracle_first[i]);
  }
  if (expected == HeedStatusOk) expected = of_spans;
  if (!FUZZ_CALL(expected, heed_optimizer_sgd(&sgd, s.count, s.spans))) return;
  for (size_t i = 0; i < s.count; i++) {
    fuzz_near(&s.value[i], &s.oracle_value[i], NULL, 8 * EPSILON * 5);
    if (sgd.momentum != 0) fuzz_near(&s.first[i], &s.oracle_first[i], NULL, 8 * EPSILON * 5);
  }
}

FUZZ(optimizer_adam) {
  Spans s = {0};
  build(&s);
  HeedAdam adam = {.learning_rate = 0.01,
                   .beta1 = fuzz_one_in(4) ? 0 : 0.9,
                   .beta2 = fuzz_one_in(4) ? 0.5 : 0.999,
                   .epsilon = 1e-3,
                   .weight_decay = fuzz_one_in(2) ? 0 : 0.01,
                   .decoupled = fuzz_one_in(2),
                   .amsgrad = fuzz_one_in(2),
                   .step = 1 + fuzz_below(20),
                   .gradient_scale = fuzz_one_in(2) ? 1 : 0.5f};
  HeedStatus expected = HeedStatusOk, of_spans = HeedStatusOk;
  switch (fuzz_spoil(5)) {
  case 0: {
    double *const amounts[] = {&adam.learning_rate, &adam.beta1, &adam.beta2, &adam.epsilon, &adam.weight_decay};
    *amounts[fuzz_below(5)] = bad_amount(), expected = HeedStatusBadArgument;
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
    FUZZ_CALL(expected, heed_optimizer_reference_adam(&adam, s.gradient[i].count, s.gradient[i].data, s.oracle_value[i].data,
                                                      s.oracle_first[i].data, s.oracle_second[i].data, s.oracle_largest[i].data));
    fuzz_keep(&s.oracle_value[i]), fuzz_keep(&s.oracle_first[i]), fuzz_keep(&s.oracle_second[i]), fuzz_keep(&s.oracle_largest[i]);
  }
  if (expected == HeedStatusOk) expected = of_spans;
  if (!FUZZ_CALL(expected, heed_optimizer_adam(&adam, s.count, s.spans))) return;
  for (size_t i = 0; i < s.count; i++) {
    // A second moment of nearly nothing makes a step of rate / epsilon times the first, at most 20.
    fuzz_near(&s.value[i], &s.oracle_value[i], NULL, 64 * EPSILON * 25);
    fuzz_near(&s.first[i], &s.oracle_first[i], NULL, 8 * EPSILON * 5), fuzz_near(&s.second[i], &s.oracle_second[i], NULL, 8 * EPSILON * 12);
    if (adam.amsgrad) fuzz_near(&s.largest[i], &s.oracle_largest[i], NULL, 8 * EPSILON * 12);
  }
}

FUZZ(gradients) {
  const size_t count = fuzz_is_large ? 2 : fuzz_below(SPANS + 1);
  HeedSpan spans[SPANS], sources[SPANS];
  FuzzArray x[SPANS], y[SPANS], scaled[SPANS], norm = FUZZ_DOUBLES("norm", 1),
                                               bad = fuzz_array("not finite", FuzzWritten, FuzzContiguous, sizeof(size_t), FUZZ_SIZES(1));
  const float factor = (float)fuzz_number();
  const double most = 2 * (1 + fuzz_number());
  double squares = 0;
  for (size_t i = 0; i < count; i++) {
    const size_t n = fuzz_is_large ? 15000 + fuzz_below(30000) : fuzz_one_in(6) ? 0 : fuzz_below(60);
    x[i] = FUZZ_FLOATS("gradient", FuzzWritten, FuzzContiguous, n), y[i] = FUZZ_FLOATS("source", FuzzRead, FuzzContiguous, n),
    scaled[i] = FUZZ_DOUBLES("oracle", n);
    fuzz_fill(&x[i], 1), fuzz_fill(&y[i], 1);
    for (size_t e = 0; e < n; e++) squares += (double)FUZZ_AT(float, x[i], e) * (double)FUZZ_AT(float, x[i], e);
    spans[i] = (HeedSpan){n, x[i].data}, sources[i] = (HeedSpan){n, y[i].data};
  }
  HeedStatus expected = HeedStatusOk;
  float given = factor;
  double limit = most;
  bool of_factor = false, of_limit = false;
  if (count > 0) {
    const size_t i = fuzz_below(count);
    switch (fuzz_spoil(4)) {
    case 0:
      expected = fuzz_huge(&spans[i].count);
      break;
    case 1:
      expected = fuzz_null(&spans[i].data, &x[i]);
      break;
    case 2:
      of_factor = true, fuzz_not_finite(&given);
      break;
    case 3:
      of_limit = true, limit = fuzz_one_in(2) ? -1 : NAN;
      break;
    default:
      break;
    }
  }
  if (FUZZ_CALL(expected, heed_gradient_norm(count, spans, norm.data, bad.data))) {
    if (fabs(FUZZ_AT(double, norm, 0) - sqrt(squares)) > 1e-12 * sqrt(squares))
      fuzz_fail("a norm of %.17g and not %.17g", FUZZ_AT(double, norm, 0), sqrt(squares));
    if (FUZZ_AT(size_t, bad, 0) != count) fuzz_fail("span %zu is not finite", FUZZ_AT(size_t, bad, 0));
  }
  const double by = sqrt(squares) > 0 ? fmin(1, most / (sqrt(squares) + 1e-6)) : 1;
  for (int call = 0; call < 4; call++) {
    for (size_t i = 0; i < count; i++)
      for (size_t e = 0; e < x[i].count; e++) {
        // What a call has written is undone by the next: the numbers as they were built are those of the first norm.
        const double before = (double)((const float *)fuzz_initial(&x[i]))[e];
        FUZZ_AT(double, scaled[i], e) = call == 0   ? before * by
                                        : call == 1 ? before * (double)factor
                                        : call == 2 ? 0
                                                    : before + (double)factor * (double)FUZZ_AT(float, y[i], e);
      }
    const HeedStatus status = (call == 0 && of_limit) || ((call == 1 || call == 3) && of_factor) ? HeedStatusBadArgument : expected;
    const bool done = call == 0   ? FUZZ_CALL(status, heed_gradient_clip(count, spans, limit, norm.data, bad.data))
                      : call == 1 ? FUZZ_CALL(status, heed_gradient_scale(count, spans, given))
                      : call == 2 ? FUZZ_CALL(status, heed_gradient_zero(count, spans))
                                  : FUZZ_CALL(status, heed_gradient_accumulate(count, spans, sources, given));
    for (size_t i = 0; done && i < count; i++) fuzz_near(&x[i], &scaled[i], NULL, call == 2 ? 0 : 2 * EPSILON * 6);
  }
}
