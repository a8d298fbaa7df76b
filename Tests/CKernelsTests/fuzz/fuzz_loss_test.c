// Random losses with their gradients. See fuzz_support.h.

#include "fuzz_support.h"

static HeedLossReduction reduction(void) { return (HeedLossReduction)fuzz_below(3); }

// The gradient that arrives: one a row (element) or one, or none.
static FuzzArray arriving(HeedLossReduction r, size_t rows) {
  FuzzArray x = FUZZ_FLOATS("arriving", FuzzRead, FuzzContiguous, r == HeedLossReductionNone ? rows : 1);
  fuzz_fill(&x, 1);
  return x;
}

static FuzzArray loss_of(HeedLossReduction r, size_t rows, bool oracle) {
  const size_t count = r == HeedLossReductionNone ? rows : 1;
  return oracle ? FUZZ_DOUBLES("oracle loss", count) : FUZZ_FLOATS("loss", FuzzWritten, FuzzContiguous, count);
}

FUZZ(cross_entropy) {
  const size_t rows = fuzz_size(12), classes = fuzz_is_large     ? 500 + fuzz_below(500)
                                               : fuzz_one_in(10) ? 60 + fuzz_below(20)
                                                                 : fuzz_size(20);
  HeedLossCrossEntropyShape s = {.rows = rows,
                                 .classes = classes,
                                 .ignores = fuzz_one_in(2),
                                 .ignore_index = (int64_t)fuzz_below(classes + 2) - 1,
                                 .label_smoothing = fuzz_one_in(2) ? 0 : (float)fuzz_below(5) / 4,
                                 .reduction = reduction()};
  FuzzArray logits = FUZZ_FLOATS("logits", FuzzRead, FuzzRows, rows, classes),
            soft = FUZZ_FLOATS("probabilities", FuzzRead, FuzzRows, rows, classes),
            gradient = FUZZ_FLOATS("gradient", FuzzWritten, FuzzRows, rows, classes);
  FuzzArray targets = fuzz_array("targets", FuzzRead, FuzzContiguous, sizeof(int64_t), FUZZ_SIZES(rows)),
            weights = FUZZ_FLOATS("weights", FuzzRead, FuzzContiguous, classes);
  FuzzArray arrives = arriving(s.reduction, rows), loss = loss_of(s.reduction, rows, false), oracle_loss = loss_of(s.reduction, rows, true),
            oracle = FUZZ_DOUBLES("oracle", rows, classes);
  fuzz_fill(&logits, 5), fuzz_fill(&soft, 1), fuzz_fill(&weights, 1);
  for (size_t i = 0; i < weights.count; i++) FUZZ_AT(float, weights, i) = 0.25f + fabsf(FUZZ_AT(float, weights, i));
  const bool hard = fuzz_one_in(2);
  if (classes > 0) fuzz_fill_integers(&targets, 0, (int64_t)classes - 1);
  for (size_t i = 0; s.ignores && hard && i < rows; i++) {
    if (!fuzz_one_in(3)) continue;
    FUZZ_AT(int64_t, targets, i) = s.ignore_index;
    for (size_t c = 0; c < classes && !logits.repeats; c++) FUZZ_AT(float, logits, i *classes + c) = NAN;
  }
  // A target that is the number to ignore by chance is ignored too; one of no class is refused.
  s.logits_row = logits.stride[0], s.probabilities_row = soft.stride[0], s.d_logits_row = gradient.stride[0];
  HeedLossCrossEntropyInputs in = {logits.data, hard ? targets.data : NULL, hard ? NULL : soft.data,
                                   fuzz_one_in(2) && classes ? weights.data : NULL, fuzz_one_in(2) && arrives.data ? arrives.data : NULL};
  const HeedLossCrossEntropyOutputs out = {fuzz_one_in(5) ? NULL : loss.data, fuzz_one_in(5) ? NULL : gradient.data};
  HeedStatus expected = HeedStatusOk, of_gradient = HeedStatusOk;
  if (rows > 0 && !in.targets && !in.target_probabilities) expected = HeedStatusBadArgument;
  for (size_t i = 0; hard && classes == 0 && i < rows; i++)
    if (!s.ignores || FUZZ_AT(int64_t, targets, i) != s.ignore_index) expected = HeedStatusBadIndex;
  if (expected == HeedStatusOk) {
    switch (fuzz_spoil(8)) {
    case 0:
      expected = fuzz_huge(fuzz_one_in(2) ? &s.rows : &s.classes);
      break;
    case 1:
      expected = fuzz_enum(&s.reduction, 3);
      break;
    case 2:
      s.label_smoothing = fuzz_one_in(2) ? NAN : fuzz_one_in(2) ? -0.25f : 1.25f, expected = HeedStatusBadArgument;
      break;
    case 3:
      if (logits.data) expected = fuzz_far(&s.logits_row, &logits, 0);
      break;
    case 4:
      expected = fuzz_null(&in.logits, &logits);
      break;
    case 5:
      if (hard && rows > 0) s.ignores = false, expected = fuzz_index(&targets, (int64_t)classes - 1);
      if (hard && rows > 0 && expected == HeedStatusBadIndex) break;
      expected = HeedStatusOk;
      break;
    case 6:
      if (rows > 0) in.targets = hard ? NULL : targets.data, expected = HeedStatusBadArgument; // neither, or both
      break;
    case 7:
      if (out.d_logits) of_gradient = fuzz_overlap(&s.d_logits_row, &gradient, 0);
      break;
    default:
      break;
    }
  }
  if (!FUZZ_CALL(expected, heed_loss_reference_cross_entropy(&s, &in, oracle_loss.data, oracle.data)) && expected == HeedStatusOk) return;
  fuzz_keep(&oracle_loss), fuzz_keep(&oracle);
  if (expected == HeedStatusOk) expected = of_gradient;
  if (!FUZZ_CALL(expected, heed_loss_cross_entropy(&s, &in, &out))) return;
  // Logits are within 15 of each other twice, weights and factors below 3.3 and 3, probabilities sum to no more than 3 a class.
  const double most = 3.3 * (hard ? 1 : 3 * (double)(1 + classes)), all = s.reduction == HeedLossReductionSum ? (double)(1 + rows) : 1;
  if (out.loss) fuzz_near(&loss, &oracle_loss, NULL, 8 * EPSILON * 40 * most * all);
  if (out.d_logits) fuzz_near(&gradient, &oracle, NULL, 8 * EPSILON * 3 * most);
}

FUZZ(distillation) {
  const size_t rows = fuzz_size(12), classes = fuzz_is_large ? 500 + fuzz_below(500) : fuzz_size(20);
  HeedLossDistillationShape s = {.rows = rows, .classes = classes, .temperature = 0.5f + (float)fuzz_below(5), .reduction = reduction()};
  FuzzArray student = FUZZ_FLOATS("student", FuzzRead, FuzzRows, rows, classes),
            teacher = FUZZ_FLOATS("teacher", FuzzRead, FuzzRows, rows, classes);
  FuzzArray ds = FUZZ_FLOATS("d student", FuzzWritten, FuzzRows, rows, classes),
            dt = FUZZ_FLOATS("d teacher", FuzzWritten, FuzzRows, rows, classes);
  FuzzArray arrives = arriving(s.reduction, rows), loss = loss_of(s.reduction, rows, false), oracle_loss = loss_of(s.reduction, rows, true),
            oracle_ds = FUZZ_DOUBLES("oracle d student", rows, classes), oracle_dt = FUZZ_DOUBLES("oracle d teacher", rows, classes);
  fuzz_fill(&student, 3), fuzz_fill(&teacher, 3);
  s.student_row = student.stride[0], s.teacher_row = teacher.stride[0], s.d_student_row = ds.stride[0], s.d_teacher_row = dt.stride[0];
  HeedLossDistillationInputs in = {student.data, teacher.data, fuzz_one_in(2) ? arrives.data : NULL};
  const HeedLossDistillationOutputs out = {fuzz_one_in(5) ? NULL : loss.data, fuzz_one_in(3) ? NULL : ds.data,
                                           fuzz_one_in(3) ? NULL : dt.data};
  HeedStatus expected = HeedStatusOk, of_gradient = HeedStatusOk;
  switch (fuzz_spoil(7)) {
  case 0:
    expected = fuzz_huge(fuzz_one_in(2) ? &s.rows : &s.classes);
    break;
  case 1:
    expected = fuzz_enum(&s.reduction, 3);
    break;
  case 2:
    s.temperature = fuzz_one_in(2) ? 0 : fuzz_one_in(2) ? NAN : -1, expected = HeedStatusBadArgument;
    break;
  case 3:
    if (teacher.data) expected = fuzz_far(&s.teacher_row, &teacher, 0);
    break;
  case 4:
    expected = fuzz_null(&in.student, &student);
    break;
  case 5:
    expected = fuzz_null(&in.teacher, &teacher);
    break;
  case 6:
    if (out.d_teacher) of_gradient = fuzz_overlap(&s.d_teacher_row, &dt, 0);
    break;
  default:
    break;
  }
  if (!FUZZ_CALL(expected, heed_loss_reference_distillation(&s, &in, oracle_loss.data, oracle_ds.data, oracle_dt.data)) &&
      expected == HeedStatusOk)
    return;
  fuzz_keep(&oracle_loss), fuzz_keep(&oracle_ds), fuzz_keep(&oracle_dt);
  if (expected == HeedStatusOk) expected = of_gradient;
  if (!FUZZ_CALL(expected, heed_loss_distillation(&s, &in, &out))) return;
  const double T = (double)s.temperature, all = s.reduction == HeedLossReductionSum ? (double)(1 + rows) : 1, range = 40 / T;
  if (out.loss) fuzz_near(&loss, &oracle_loss, NULL, 16 * EPSILON * T * T * (range + 4) * all);
  if (out.d_student) fuzz_near(&ds, &oracle_ds, NULL, 16 * EPSILON * 3 * T * (1 + range));
  if (out.d_teacher) fuzz_near(&dt, &oracle_dt, NULL, 16 * EPSILON * 3 * T * (4 + range) * (1 + range));
}

FUZZ(negative_sampling) {
  HeedLossNegativeSamplingShape s = {.pairs = fuzz_is_large ? 60 + fuzz_below(100) : fuzz_size(10),
                                     .negatives = fuzz_below(5),
                                     .dim = fuzz_is_large ? 100 + fuzz_below(200) : fuzz_size(20),
                                     .center_rows = fuzz_size_from_1(8),
                                     .context_rows = fuzz_size_from_1(8),
                                     .reduction = reduction(),
                                     .accumulate = fuzz_one_in(2)};
  FuzzArray center = FUZZ_FLOATS("center", FuzzRead, FuzzRows, s.center_rows, s.dim),
            context = FUZZ_FLOATS("context", FuzzRead, FuzzRows, s.context_rows, s.dim);
  FuzzArray dc = FUZZ_FLOATS("d center", FuzzWritten, FuzzRows, s.center_rows, s.dim),
            dx = FUZZ_FLOATS("d context", FuzzWritten, FuzzRows, s.context_rows, s.dim);
  FuzzArray centers = fuzz_array("centers", FuzzRead, FuzzContiguous, 8, FUZZ_SIZES(s.pairs)),
            contexts = fuzz_array("contexts", FuzzRead, FuzzContiguous, 8, FUZZ_SIZES(s.pairs)),
            negatives = fuzz_array("negatives", FuzzRead, FuzzContiguous, 8, FUZZ_SIZES(s.pairs, s.negatives));
  FuzzArray arrives = arriving(s.reduction, s.pairs), loss = loss_of(s.reduction, s.pairs, false),
            oracle_loss = loss_of(s.reduction, s.pairs, true), oracle_dc = FUZZ_DOUBLES("oracle d center", s.center_rows, s.dim),
            oracle_dx = FUZZ_DOUBLES("oracle d context", s.context_rows, s.dim);
  fuzz_fill(&center, 0.5), fuzz_fill(&context, 0.5), fuzz_fill(&dc, 1), fuzz_fill(&dx, 1);
  fuzz_fill_integers(&centers, 0, (int64_t)s.center_rows - 1), fuzz_fill_integers(&contexts, 0, (int64_t)s.context_rows - 1),
      fuzz_fill_integers(&negatives, 0, (int64_t)s.context_rows - 1);
  s.center_row = center.stride[0], s.context_row = context.stride[0], s.d_center_row = dc.stride[0], s.d_context_row = dx.stride[0];
  HeedLossNegativeSamplingInputs in = {center.data,   context.data,   centers.data,
                                       contexts.data, negatives.data, fuzz_one_in(2) ? arrives.data : NULL};
  const HeedLossNegativeSamplingOutputs out = {
      fuzz_one_in(5) ? NULL : loss.data, {fuzz_one_in(3) ? NULL : dc.data, NULL, NULL}, {fuzz_one_in(3) ? NULL : dx.data, NULL, NULL}};
  const size_t pairs = s.pairs;
  const double steps = (double)(1 + s.pairs * (s.negatives + 1)), dim = (double)(1 + s.dim);
  HeedStatus expected = HeedStatusOk, of_gradient = HeedStatusOk;
  switch (fuzz_spoil(8)) {
  case 0: {
    size_t *const sizes[] = {&s.pairs, &s.center_rows, &s.context_rows};
    expected = fuzz_huge(sizes[fuzz_below(3)]);
    break;
  }
  case 1:
    expected = fuzz_enum(&s.reduction, 3);
    break;
  case 2:
    expected = fuzz_index(&centers, (int64_t)s.center_rows - 1);
    break;
  case 3:
    expected = fuzz_one_in(2) ? fuzz_index(&contexts, (int64_t)s.context_rows - 1) : fuzz_index(&negatives, (int64_t)s.context_rows - 1);
    break;
  case 4:
    expected = fuzz_null(&in.center_table, &center);
    if (pairs == 0) expected = HeedStatusOk; // not read
    break;
  case 5:
    expected = fuzz_null(&in.contexts, &contexts);
    break;
  case 6:
    if (context.data) expected = fuzz_far(&s.context_row, &context, 0);
    break;
  case 7:
    if (out.d_center.d_table) of_gradient = fuzz_overlap(&s.d_center_row, &dc, 0);
    break;
  default:
    break;
  }
  if (!FUZZ_CALL(expected, heed_loss_reference_negative_sampling(&s, &in, oracle_loss.data, oracle_dc.data, oracle_dx.data)) &&
      expected == HeedStatusOk)
    return;
  for (size_t i = 0; expected == HeedStatusOk && i < oracle_dc.count && s.accumulate; i++)
    FUZZ_AT(double, oracle_dc, i) += (double)FUZZ_AT(float, dc, i);
  for (size_t i = 0; expected == HeedStatusOk && i < oracle_dx.count && s.accumulate; i++)
    FUZZ_AT(double, oracle_dx, i) += (double)FUZZ_AT(float, dx, i);
  fuzz_keep(&oracle_loss), fuzz_keep(&oracle_dc), fuzz_keep(&oracle_dx);
  if (expected == HeedStatusOk) expected = of_gradient;
  if (!FUZZ_CALL(expected, heed_loss_negative_sampling(&s, &in, &out))) return;
  if (out.loss) fuzz_near(&loss, &oracle_loss, NULL, 16 * EPSILON * 3 * dim * steps);
  if (out.d_center.d_table) fuzz_near(&dc, &oracle_dc, NULL, 16 * EPSILON * 5 * steps * dim);
  if (out.d_context.d_table) fuzz_near(&dx, &oracle_dx, NULL, 16 * EPSILON * 5 * steps * dim);
}

FUZZ(elementwise_loss) {
  HeedLossElementwiseShape s = {.count = fuzz_is_large ? 20000 + fuzz_below(20000) : fuzz_size(60),
                                .positive_weight = fuzz_one_in(2) ? 1 : (float)fuzz_below(4),
                                .reduction = reduction()};
  const bool binary = fuzz_one_in(2);
  const size_t count = s.count;
  FuzzArray x = FUZZ_FLOATS("input", FuzzRead, FuzzContiguous, count), t = FUZZ_FLOATS("targets", FuzzRead, FuzzContiguous, count),
            gradient = FUZZ_FLOATS("gradient", FuzzWritten, FuzzContiguous, count);
  FuzzArray arrives = arriving(s.reduction, count), loss = loss_of(s.reduction, count, false),
            oracle_loss = loss_of(s.reduction, count, true), oracle = FUZZ_DOUBLES("oracle", count);
  fuzz_fill(&x, 4), fuzz_fill(&t, 0.3);
  HeedLossElementwiseInputs in = {x.data, t.data, fuzz_one_in(2) ? arrives.data : NULL};
  const HeedLossElementwiseOutputs out = {fuzz_one_in(5) ? NULL : loss.data, fuzz_one_in(5) ? NULL : gradient.data};
  HeedStatus expected = HeedStatusOk;
  switch (fuzz_spoil(4)) {
  case 0:
    expected = fuzz_huge(&s.count);
    break;
  case 1:
    expected = fuzz_enum(&s.reduction, 3);
    break;
  case 2:
    expected = fuzz_null(&in.input, &x);
    break;
  case 3:
    expected = fuzz_null(&in.targets, &t);
    break;
  default:
    break;
  }
  const bool known = binary ? FUZZ_CALL(expected, heed_loss_reference_binary_cross_entropy(&s, &in, oracle_loss.data, oracle.data))
                            : FUZZ_CALL(expected, heed_loss_reference_squared_error(&s, &in, oracle_loss.data, oracle.data));
  if (!known && expected == HeedStatusOk) return;
  fuzz_keep(&oracle_loss), fuzz_keep(&oracle);
  if (!(binary ? FUZZ_CALL(expected, heed_loss_binary_cross_entropy(&s, &in, &out))
               : FUZZ_CALL(expected, heed_loss_squared_error(&s, &in, &out))))
    return;
  const double all = s.reduction == HeedLossReductionSum ? (double)(1 + count) : 1;
  if (out.loss) fuzz_near(&loss, &oracle_loss, NULL, 8 * EPSILON * 170 * all);
  if (out.d_input) fuzz_near(&gradient, &oracle, NULL, 8 * EPSILON * 3 * 26);
}
