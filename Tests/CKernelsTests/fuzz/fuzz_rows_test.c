// Random softmaxes and norms, forward and backward. See fuzz_support.h.

#include "fuzz_support.h"

// ---- Softmax ----------------------------------------------------------------------------------------------------------------------------

static size_t columns(void) { return fuzz_one_in(8) ? 60 + fuzz_below(80) : fuzz_size(40); }

FUZZ(softmax) {
  const size_t rows = fuzz_size(12), n = fuzz_is_large ? 500 + fuzz_below(500) : columns();
  FuzzArray x = FUZZ_FLOATS("x", FuzzRead, FuzzAny, rows, n), y = FUZZ_FLOATS("y", FuzzWritten, FuzzAny, rows, n),
            mask = fuzz_array("mask", FuzzRead, FuzzAny, 1, FUZZ_SIZES(rows, n));
  FuzzArray reference = FUZZ_DOUBLES("reference", rows, n), bound = FUZZ_DOUBLES("bound", rows, n);
  fuzz_fill_special(&x, fuzz_one_in(3) ? 50 : 2), fuzz_fill_bytes(&mask, 3);
  HeedSoftmaxShape s = {rows,
                        n,
                        x.stride[0],
                        x.stride[1],
                        y.stride[0],
                        y.stride[1],
                        mask.stride[0],
                        mask.stride[1],
                        fuzz_one_in(3) ? 1 : (float)(2 * fuzz_number()),
                        fuzz_one_in(2)};
  HeedSoftmaxInputs in = {x.data, fuzz_one_in(2) ? mask.data : NULL};
  void *output = y.data;
  HeedStatus expected = HeedStatusOk, of_output = HeedStatusOk;
  switch (fuzz_spoil(7)) {
  case 0:
    expected = fuzz_huge(fuzz_one_in(2) ? &s.rows : &s.columns);
    break;
  case 1:
    expected = fuzz_far(&s.input_row, &x, 0);
    break;
  case 2:
    if (in.mask) expected = fuzz_far(&s.mask_column, &mask, 1);
    break;
  case 3:
    expected = fuzz_not_finite(&s.scale);
    break;
  case 4:
    expected = fuzz_null(&in.input, &x);
    break;
  case 5:
    of_output = fuzz_one_in(2) ? fuzz_overlap(&s.output_row, &y, 0) : fuzz_far(&s.output_column, &y, 1);
    break;
  case 6:
    of_output = fuzz_null(&output, &y);
    break;
  default:
    break;
  }
  if (!FUZZ_CALL(expected, heed_softmax_reference_forward(&s, &in, reference.data)) && expected == HeedStatusOk) return;
  for (size_t i = 0; expected == HeedStatusOk && i < bound.count; i++) {
    // (3 + |z - m| / 2) eps relative, and (|z| + |m|) / 2 eps where z is rounded first; of the logarithm |z - m| is about |y|.
    const double r = FUZZ_AT(double, reference, i), z = fabs((double)s.scale * (double)FUZZ_AT(float, x, i));
    const double distance = s.logarithm ? 3 * fabs(r) : r > 0 ? -log(r) : 0;
    FUZZ_AT(double, bound, i) = isfinite(z) && isfinite(distance) ? (4 + distance + z) * (s.logarithm ? 1 : r) + 0x1p-100 : 1;
  }
  fuzz_keep(&reference), fuzz_keep(&bound);
  if (expected == HeedStatusOk) expected = of_output;
  if (FUZZ_CALL(expected, heed_softmax_forward(&s, &in, output))) fuzz_near(&y, &reference, &bound, EPSILON);
}

FUZZ(softmax_backward) {
  const size_t rows = fuzz_size(12), n = fuzz_is_large ? 500 + fuzz_below(500) : columns();
  FuzzArray y = FUZZ_FLOATS("y", FuzzRead, FuzzAny, rows, n), dy = FUZZ_FLOATS("dy", FuzzRead, FuzzAny, rows, n),
            dx = FUZZ_FLOATS("dx", FuzzWritten, FuzzAny, rows, n);
  FuzzArray mask = fuzz_array("mask", FuzzRead, FuzzAny, 1, FUZZ_SIZES(rows, n)), reference = FUZZ_DOUBLES("reference", rows, n);
  const bool logarithm = fuzz_one_in(2);
  fuzz_fill(&y, 1), fuzz_fill(&dy, 1), fuzz_fill_bytes(&mask, 3);
  for (size_t i = 0; i < y.count; i++) {
    float *value = fuzz_element(&y, i);
    *value = logarithm ? -fabsf(*value) : fabsf(*value); // as a softmax's
  }
  HeedSoftmaxBackwardShape s = {rows,
                                n,
                                y.stride[0],
                                y.stride[1],
                                dy.stride[0],
                                dy.stride[1],
                                dx.stride[0],
                                dx.stride[1],
                                mask.stride[0],
                                mask.stride[1],
                                (float)fuzz_number(),
                                logarithm};
  HeedSoftmaxBackwardInputs in = {y.data, dy.data, fuzz_one_in(2) ? mask.data : NULL};
  void *output = dx.data;
  HeedStatus expected = HeedStatusOk, of_output = HeedStatusOk;
  switch (fuzz_spoil(8)) {
  case 0:
    expected = fuzz_huge(fuzz_one_in(2) ? &s.rows : &s.columns);
    break;
  case 1:
    expected = fuzz_far(&s.output_row, &y, 0);
    break;
  case 2:
    expected = fuzz_far(&s.d_output_column, &dy, 1);
    break;
  case 3:
    expected = fuzz_not_finite(&s.scale);
    break;
  case 4:
    expected = fuzz_null(&in.output, &y);
    break;
  case 5:
    expected = fuzz_null(&in.d_output, &dy);
    break;
  case 6:
    of_output = fuzz_one_in(2) ? fuzz_overlap(&s.d_input_row, &dx, 0) : fuzz_far(&s.d_input_column, &dx, 1);
    break;
  case 7:
    of_output = fuzz_null(&output, &dx);
    break;
  default:
    break;
  }
  if (!FUZZ_CALL(expected, heed_softmax_reference_backward(&s, &in, reference.data)) && expected == HeedStatusOk) return;
  fuzz_keep(&reference);
  if (expected == HeedStatusOk) expected = of_output;
  // |y| and |dy| are at most 3, their sum over a row that many times.
  if (FUZZ_CALL(expected, heed_softmax_backward(&s, &in, output)))
    fuzz_near(&dx, &reference, NULL, EPSILON * 16 * 9 * (double)(1 + n) * (double)fabsf(s.scale));
}

// ---- Norms ------------------------------------------------------------------------------------------------------------------------------

static HeedNormShape norm_shape(size_t rows, size_t n) {
  static const double epsilons[] = {1e-5, 1e-12, 0.1};
  return (HeedNormShape){.kind = (HeedNormKind)fuzz_below(2), .rows = rows, .columns = n, .epsilon = epsilons[fuzz_below(3)]};
}

static HeedStatus spoil_norm(HeedNormShape *s) {
  switch (fuzz_below(3)) {
  case 0:
    return fuzz_huge(fuzz_one_in(2) ? &s->rows : &s->columns);
  case 1:
    return fuzz_enum(&s->kind, 2);
  default:
    s->epsilon = fuzz_one_in(2) ? -1 : fuzz_one_in(2) ? NAN : INFINITY;
    return HeedStatusBadArgument;
  }
}

// A row that is constant but for rounding has no direction of its own: what epsilon leaves of it errs by that much more.
static double largest_of(const FuzzArray *x) {
  double largest = 0;
  for (size_t i = 0; i < x->count; i++) {
    const double value = fabs(FUZZ_AT(double, *x, i));
    if (value > largest) largest = value;
  }
  return largest;
}

FUZZ(norm) {
  const size_t rows = fuzz_size(12), n = fuzz_is_large ? 500 + fuzz_below(500) : columns();
  FuzzArray x = FUZZ_FLOATS("x", FuzzRead, FuzzRows, rows, n), r = FUZZ_FLOATS("residual", FuzzRead, FuzzRows, rows, n),
            w = FUZZ_FLOATS("weight", FuzzRead, FuzzContiguous, n), b = FUZZ_FLOATS("bias", FuzzRead, FuzzContiguous, n);
  FuzzArray y = FUZZ_FLOATS("y", FuzzWritten, FuzzRows, rows, n), sum = FUZZ_FLOATS("sum", FuzzWritten, FuzzRows, rows, n),
            statistics = FUZZ_FLOATS("statistics", FuzzWritten, FuzzContiguous, rows, HEED_NORM_STATISTICS);
  FuzzArray reference = FUZZ_DOUBLES("reference", rows, n), sums = FUZZ_DOUBLES("sums", rows, n);
  fuzz_fill(&x, 2), fuzz_fill(&r, 1), fuzz_fill(&w, 1), fuzz_fill(&b, 1);
  HeedNormShape s = norm_shape(rows, n);
  s.input_row = x.stride[0], s.residual_row = r.stride[0], s.output_row = y.stride[0], s.sum_row = sum.stride[0];
  HeedNormInputs in = {x.data, fuzz_one_in(2) ? r.data : NULL, fuzz_one_in(2) ? w.data : NULL, fuzz_one_in(2) ? b.data : NULL};
  HeedNormOutputs out = {y.data, fuzz_one_in(2) ? sum.data : NULL, fuzz_one_in(2) ? statistics.data : NULL};
  HeedStatus expected = HeedStatusOk, of_output = HeedStatusOk;
  switch (fuzz_spoil(6)) {
  case 0:
  case 1:
    expected = spoil_norm(&s);
    break;
  case 2:
    expected = x.data ? fuzz_far(&s.input_row, &x, 0) : HeedStatusOk;
    break;
  case 3:
    expected = fuzz_null(&in.input, &x);
    break;
  case 4:
    of_output = out.output ? fuzz_overlap(&s.output_row, &y, 0) : HeedStatusOk;
    break;
  case 5:
    of_output = out.sum ? fuzz_far(&s.sum_row, &sum, 0) : HeedStatusOk;
    break;
  default:
    break;
  }
  for (size_t i = 0; i < sums.count; i++)
    FUZZ_AT(double, sums, i) = (double)(in.residual ? FUZZ_AT(float, x, i) + FUZZ_AT(float, r, i) : FUZZ_AT(float, x, i));
  if (!FUZZ_CALL(expected, heed_norm_reference_forward(&s, &in, reference.data)) && expected == HeedStatusOk) return;
  fuzz_keep(&reference), fuzz_keep(&sums);
  if (expected == HeedStatusOk) expected = of_output;
  if (!FUZZ_CALL(expected, heed_norm_forward(&s, &in, &out))) return;
  fuzz_near(&y, &reference, NULL, 1.2e-6 * (1 + largest_of(&reference)));
  if (out.sum) fuzz_near(&sum, &sums, NULL, 0);
}

FUZZ(norm_backward) {
  const size_t rows = fuzz_one_in(20) ? 100 + fuzz_below(200) : fuzz_size(12), n = fuzz_is_large ? 500 + fuzz_below(500) : columns();
  FuzzArray x = FUZZ_FLOATS("s", FuzzRead, FuzzRows, rows, n), w = FUZZ_FLOATS("weight", FuzzRead, FuzzContiguous, n),
            dy = FUZZ_FLOATS("dy", FuzzRead, FuzzRows, rows, n), ds = FUZZ_FLOATS("ds", FuzzRead, FuzzRows, rows, n);
  FuzzArray statistics = FUZZ_FLOATS("statistics", FuzzWritten, FuzzContiguous, rows, HEED_NORM_STATISTICS),
            dx = FUZZ_FLOATS("dx", FuzzWritten, FuzzRows, rows, n), dw = FUZZ_FLOATS("dw", FuzzWritten, FuzzContiguous, n),
            db = FUZZ_FLOATS("db", FuzzWritten, FuzzContiguous, n);
  FuzzArray reference_dx = FUZZ_DOUBLES("reference dx", rows, n), reference_dw = FUZZ_DOUBLES("reference dw", n),
            reference_db = FUZZ_DOUBLES("reference db", n);
  for (size_t i = 0; i < x.count; i++) FUZZ_AT(float, x, i) = (float)fuzz_number(); // never constant
  fuzz_fill(&w, 1), fuzz_fill(&dy, 1), fuzz_fill(&ds, 1);
  HeedNormShape s = norm_shape(rows, n);
  s.epsilon = 0.01 + s.epsilon, s.accumulate = fuzz_one_in(2);
  s.input_row = s.sum_row = x.stride[0], s.d_output_row = dy.stride[0], s.d_sum_row = ds.stride[0], s.d_input_row = dx.stride[0];
  if (s.accumulate) fuzz_fill(&dw, 1), fuzz_fill(&db, 1);
  const HeedNormInputs forward = {.input = x.data};
  if (!FUZZ_CALL(rows && n && !statistics.data ? HeedStatusBadArgument : HeedStatusOk,
                 heed_norm_forward(&s, &forward, &(HeedNormOutputs){.statistics = statistics.data})))
    return;
  fuzz_keep(&statistics);
  HeedNormBackwardInputs in = {x.data, fuzz_one_in(2) ? w.data : NULL, statistics.data, dy.data, fuzz_one_in(2) ? ds.data : NULL};
  HeedNormGradients out = {dx.data, fuzz_one_in(4) ? NULL : dw.data, fuzz_one_in(4) ? NULL : db.data};
  HeedStatus expected = HeedStatusOk, of_output = HeedStatusOk;
  switch (fuzz_spoil(7)) {
  case 0:
  case 1:
    expected = spoil_norm(&s);
    break;
  case 2:
    expected = x.data ? fuzz_far(&s.sum_row, &x, 0) : HeedStatusOk;
    break;
  case 3:
    expected = fuzz_null(&in.sum, &x);
    break;
  case 4:
    expected = fuzz_null(&in.d_output, &dy);
    break;
  case 5:
    of_output = out.d_input ? fuzz_overlap(&s.d_input_row, &dx, 0) : HeedStatusOk;
    break;
  case 6:
    in.statistics = NULL, of_output = rows && n ? HeedStatusBadArgument : HeedStatusOk;
    break;
  default:
    break;
  }
  if (!FUZZ_CALL(expected, heed_norm_reference_backward(&s, &in, reference_dx.data, reference_dw.data, reference_db.data)) &&
      expected == HeedStatusOk)
    return;
  for (size_t j = 0; expected == HeedStatusOk && s.accumulate && j < n; j++) {
    FUZZ_AT(double, reference_dw, j) += (double)FUZZ_AT(float, dw, j), FUZZ_AT(double, reference_db, j) += (double)FUZZ_AT(float, db, j);
  }
  fuzz_keep(&reference_dx), fuzz_keep(&reference_dw), fuzz_keep(&reference_db);
  if (expected == HeedStatusOk) expected = of_output;
  if (!FUZZ_CALL(expected, heed_norm_backward(&s, &in, &out))) return;
  // h is at most sqrt(n), d at most 10, gradients 9.
  const double h = sqrt((double)n), terms = 10 * 9 * (2 + 2 * h) + 3;
  if (out.d_input) fuzz_near(&dx, &reference_dx, NULL, 16 * EPSILON * terms);
  if (out.d_weight) fuzz_near(&dw, &reference_dw, NULL, 8 * EPSILON * (3 + 3 * h * (double)rows));
  if (out.d_bias) fuzz_near(&db, &reference_db, NULL, 4 * EPSILON * (3 + 3 * (double)rows));
}
