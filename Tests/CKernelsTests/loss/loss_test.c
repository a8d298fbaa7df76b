// Distillation, negative sampling, binary cross-entropy and squared error against the float64 references; their bits; what is refused.

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "heed/loss.h"

static bool is_close(float x, double r, double allowed) {
  if (isnan(r)) return isnan(x);
  if (isinf(r)) return (double)x == r;
  return fabs((double)x - r) <= allowed;
}

static Guarded floats(size_t count, double scale, Random *r) {
  Guarded block = guarded_allocate(count * sizeof(float), (GuardSide)random_below(r, 2));
  for (size_t i = 0; i < count; i++) ((float *)block.data)[i] = (float)(scale * random_normal(r));
  return block;
}

// ---- Distillation ---------------------------------------------------------------------------------------------------------------------

TEST(loss_distillation_agrees_with_the_oracle) {
  static const size_t sizes[] = {1, 2, 3, 7, 15, 16, 17, 33, 65, 200};
  static const float temperatures[] = {1, 2, 3, 0.5f, 10};
  for (int c = 0; c < (test_exhaustive ? 5000 : 300) && test_failures() < 10; c++) {
    Random r = random_stream(6000 + (uint64_t)c);
    const size_t rows = sizes[random_below(&r, 6)], classes = sizes[random_below(&r, 10)], count = rows * classes;
    const double scale = c % 5 == 0 ? 30 : 2;
    Guarded student = floats(count, scale, &r), teacher = floats(count, scale, &r), d_student = floats(count, 1, &r),
            d_teacher = floats(count, 1, &r), d_loss = floats(rows, 1, &r);
    if (c % 7 == 1)
      for (size_t i = 0; i < count; i += 3) ((float *)teacher.data)[i] = -INFINITY; // ruled out by the teacher
    if (c % 7 == 2) ((float *)student.data)[count / 2] = NAN;
    const HeedLossDistillationShape shape = {.rows = rows,
                                             .classes = classes,
                                             .student_row = (ptrdiff_t)classes,
                                             .teacher_row = (ptrdiff_t)classes,
                                             .d_student_row = (ptrdiff_t)classes,
                                             .d_teacher_row = (ptrdiff_t)classes,
                                             .temperature = temperatures[random_below(&r, 5)],
                                             .reduction = (HeedLossReduction)(c % 3)};
    const HeedLossDistillationInputs in = {student.data, teacher.data, random_below(&r, 2) ? d_loss.data : NULL};
    double *loss = malloc(rows * sizeof(double)), *ds = malloc(count * sizeof(double)), *dt = malloc(count * sizeof(double));
    float result[65], alone[65];
    const size_t losses = shape.reduction == HeedLossReductionNone ? rows : 1;
    CHECK(heed_loss_reference_distillation(&shape, &in, loss, ds, dt) == HeedStatusOk);
    const HeedLossDistillationOutputs out = {result, d_student.data, random_below(&r, 2) ? d_teacher.data : NULL};
    CHECK(heed_loss_distillation(&shape, &in, &out) == HeedStatusOk);
    CHECK(heed_loss_distillation(&shape, &in, &(HeedLossDistillationOutputs){.loss = alone}) == HeedStatusOk);
    CHECK(differing_floats(result, alone, losses, NULL) == 0);
    const double T = (double)shape.temperature, span = 8 * scale / T, T2 = T * T;
    double factor = 1;
    for (size_t i = 0; in.d_loss && i < losses; i++) factor = fmax(factor, fabs((double)in.d_loss[i]));
    for (size_t i = 0; i < losses; i++)
      CHECK_MESSAGE(is_close(result[i], loss[i],
                             EPSILON * T2 * (4 + span) * (losses == 1 && shape.reduction == HeedLossReductionSum ? (double)rows : 1)),
                    "case %d: loss %g, not %g", c, (double)result[i], loss[i]);
    for (size_t i = 0; i < count; i++) {
      CHECK_MESSAGE(is_close(((float *)d_student.data)[i], ds[i], EPSILON * factor * T * (6 + span)), "case %d: student's %zu: %g, not %g",
                    c, i, (double)((float *)d_student.data)[i], ds[i]);
      if (out.d_teacher)
        CHECK_MESSAGE(is_close(((float *)d_teacher.data)[i], dt[i], EPSILON * factor * T * (6 + span) * (4 + span)),
                      "case %d: teacher's %zu: %g, not %g", c, i, (double)((float *)d_teacher.data)[i], dt[i]);
    }
    free(loss), free(ds), free(dt);
    guarded_free(&student), guarded_free(&teacher), guarded_free(&d_student), guarded_free(&d_teacher), guarded_free(&d_loss);
  }
}

// ---- Negative sampling ----------------------------------------------------------------------------------------------------------------

typedef struct Sampling {
  HeedLossNegativeSamplingShape shape;
  HeedLossNegativeSamplingInputs in;
  Guarded center, context, d_loss;
  int64_t *ids;
} Sampling;

static Sampling sampling(size_t pairs, size_t negatives, size_t dim, size_t center_rows, size_t context_rows, Random *r) {
  Sampling x = {.shape = {.pairs = pairs,
                          .negatives = negatives,
                          .dim = dim,
                          .center_rows = center_rows,
                          .context_rows = context_rows,
                          .center_row = (ptrdiff_t)dim,
                          .context_row = (ptrdiff_t)dim,
                          .d_center_row = (ptrdiff_t)dim,
                          .d_context_row = (ptrdiff_t)dim,
                          .reduction = (HeedLossReduction)random_below(r, 3),
                          .accumulate = true}};
  x.center = floats(center_rows * dim, 0.7, r), x.context = floats(context_rows * dim, 0.7, r), x.d_loss = floats(pairs, 1, r);
  x.ids = malloc(pairs * (negatives + 2) * sizeof *x.ids);
  for (size_t i = 0; i < pairs * (negatives + 2); i++) x.ids[i] = (int64_t)random_below(r, i < pairs ? center_rows : context_rows);
  x.in = (HeedLossNegativeSamplingInputs){x.center.data, x.context.data, x.ids, x.ids + pairs, x.ids + 2 * pairs, NULL};
  if (random_below(r, 2)) x.in.d_loss = x.d_loss.data;
  return x;
}

static void sampling_free(Sampling *x) {
  guarded_free(&x->center), guarded_free(&x->context), guarded_free(&x->d_loss);
  free(x->ids);
}

// Rows of a table's gradient, dense (begun with 1) or touched, against the reference.
static void check_table(const char *name, size_t rows, size_t dim, const double *expected, const float *dense,
                        const HeedLossTableGradient *touched) {
  size_t found = 0;
  for (size_t v = 0; v < rows; v++) {
    const bool listed = found < *touched->count && touched->touched[found] == (int64_t)v;
    for (size_t d = 0; d < dim; d++) {
      const double r = expected[v * dim + d];
      CHECK_MESSAGE(is_close(dense[v * dim + d], r + 1, 100 * EPSILON * fmax(1, fabs(r))), "%s row %zu: %g, not %g", name, v,
                    (double)dense[v * dim + d], r + 1);
      CHECK_MESSAGE(listed ? is_close(touched->d_table[found * dim + d], r, 100 * EPSILON * fmax(1, fabs(r))) : r == 0,
                    "%s touched row %zu", name, v);
    }
    found += listed;
  }
  CHECK(found == *touched->count);
}

TEST(loss_negative_sampling_agrees_with_the_oracle) {
  static const size_t sizes[] = {1, 2, 3, 15, 16, 17, 64, 65, 100, 130};
  for (int c = 0; c < (test_exhaustive ? 2000 : 80) && test_failures() < 10; c++) {
    Random r = random_stream(7000 + (uint64_t)c);
    const size_t pairs = sizes[random_below(&r, 10)], dim = sizes[random_below(&r, 10)], negatives = random_below(&r, 7);
    const size_t center_rows = sizes[random_below(&r, 9)], context_rows = sizes[random_below(&r, 9)];
    Sampling x = sampling(pairs, negatives, dim, center_rows, context_rows, &r);
    double *loss = malloc(pairs * sizeof *loss), *dv = malloc(center_rows * dim * sizeof *dv),
           *du = malloc(context_rows * dim * sizeof *du);
    float *result = malloc(pairs * sizeof *result), *dense[2], *rows[2];
    int64_t *listed[2];
    size_t count[2];
    for (int t = 0; t < 2; t++) {
      const size_t table = t ? context_rows : center_rows;
      dense[t] = malloc(table * dim * sizeof(float)), rows[t] = malloc(table * dim * sizeof(float)),
      listed[t] = malloc(table * sizeof(int64_t));
      for (size_t i = 0; i < table * dim; i++) dense[t][i] = 1;
    }
    CHECK(heed_loss_reference_negative_sampling(&x.shape, &x.in, loss, dv, du) == HeedStatusOk);
    const HeedLossNegativeSamplingOutputs all = {result, {.d_table = dense[0]}, {.d_table = dense[1]}};
    CHECK(heed_loss_negative_sampling(&x.shape, &x.in, &all) == HeedStatusOk);
    const HeedLossNegativeSamplingOutputs touched = {NULL, {rows[0], listed[0], &count[0]}, {rows[1], listed[1], &count[1]}};
    CHECK(heed_loss_negative_sampling(&x.shape, &x.in, &touched) == HeedStatusOk);
    for (size_t i = 0; i < (x.shape.reduction == HeedLossReductionNone ? pairs : 1); i++)
      CHECK_MESSAGE(is_close(result[i], loss[i], 20 * EPSILON * fabs(loss[i])), "loss %g, not %g", (double)result[i], loss[i]);
    check_table("center", center_rows, dim, dv, dense[0], &touched.d_center);
    check_table("context", context_rows, dim, du, dense[1], &touched.d_context);
    free(loss), free(dv), free(du), free(result);
    for (int t = 0; t < 2; t++) free(dense[t]), free(rows[t]), free(listed[t]);
    sampling_free(&x);
  }
}

TEST(loss_negative_sampling_threads_do_not_change_a_bit) {
  Random r = random_stream(7900);
  Sampling x = sampling(700, 5, 100, 300, 300, &r);
  static float expected[2][300 * 100], gradient[2][300 * 100];
  static const size_t threads[] = {1, 2, 3, 5, 8};
  float losses[2][700];
  for (size_t t = 0; t < 5; t++) {
    memset(gradient, 0, sizeof gradient);
    heed_thread_count_set(threads[t]);
    const HeedLossNegativeSamplingOutputs out = {
        losses[t > 0], {.d_table = t ? gradient[0] : expected[0]}, {.d_table = t ? gradient[1] : expected[1]}};
    if (t == 0) memset(expected, 0, sizeof expected);
    CHECK(heed_loss_negative_sampling(&x.shape, &x.in, &out) == HeedStatusOk);
    if (t == 0) continue;
    CHECK(differing_floats(expected[0], gradient[0], 30000, NULL) == 0 && differing_floats(expected[1], gradient[1], 30000, NULL) == 0);
    CHECK(differing_floats(losses[0], losses[1], x.shape.reduction == HeedLossReductionNone ? 700 : 1, NULL) == 0);
  }
  heed_thread_count_set(0);
  sampling_free(&x);
}

// ---- Elementwise ----------------------------------------------------------------------------------------------------------------------

TEST(loss_of_elements_agrees_with_the_oracle) {
  static const size_t counts[] = {0, 1, 3, 15, 16, 17, 100, 16383, 16384, 16385, 40000};
  for (int c = 0; c < 66; c++) {
    Random r = random_stream(8000 + (uint64_t)c);
    const size_t count = counts[c % 11];
    const bool squared = c >= 33;
    Guarded input = floats(count, c % 2 ? 3 : 40, &r), targets = floats(count, 1, &r), gradient = floats(count, 1, &r),
            losses = floats(count + 1, 1, &r), d_loss = floats(count + 1, 1, &r);
    float *x = input.data, *t = targets.data;
    for (size_t i = 0; !squared && i < count; i++) t[i] = random_below(&r, 3) ? (float)random_below(&r, 2) : (float)random_uniform(&r);
    if (count > 20) x[7] = squared ? 0x1p-70f : 150, x[8] = -120, x[9] = -0.0f, x[10] = 0x1p-140f;
    const HeedLossElementwiseShape shape = {count, c % 4 ? 1 : 2.5f, (HeedLossReduction)(c % 3)};
    const HeedLossElementwiseInputs in = {x, t, random_below(&r, 2) ? d_loss.data : NULL};
    double *loss = malloc((count + 1) * sizeof *loss), *d_input = malloc((count + 1) * sizeof *d_input);
    CHECK((squared ? heed_loss_reference_squared_error : heed_loss_reference_binary_cross_entropy)(&shape, &in, loss, d_input) ==
          HeedStatusOk);
    static const size_t threads[] = {1, 3};
    for (size_t k = 0; k < 2; k++) {
      heed_thread_count_set(threads[k]);
      const HeedLossElementwiseOutputs out = {losses.data, gradient.data};
      CHECK((squared ? heed_loss_squared_error : heed_loss_binary_cross_entropy)(&shape, &in, &out) == HeedStatusOk);
      const bool each = shape.reduction == HeedLossReductionNone;
      for (size_t i = 0; i < (each ? count : 1); i++)
        CHECK_MESSAGE(is_close(((float *)losses.data)[i], loss[i], 5 * EPSILON * fabs(loss[i]) + 0x1p-149), "case %d, loss %zu: %g, not %g",
                      c, i, (double)((float *)losses.data)[i], loss[i]);
      for (size_t i = 0; i < count; i++) {
        const double factor = in.d_loss ? fabs((double)in.d_loss[each ? i : 0]) : 1;
        const double terms = squared ? fabs(d_input[i]) : factor * 3.5 / (shape.reduction == HeedLossReductionMean ? (double)count : 1);
        CHECK_MESSAGE(is_close(((float *)gradient.data)[i], d_input[i], 5 * EPSILON * terms + 0x1p-149),
                      "case %d, gradient %zu: %g, not %g", c, i, (double)((float *)gradient.data)[i], d_input[i]);
      }
    }
    heed_thread_count_set(0);
    free(loss), free(d_input);
    guarded_free(&input), guarded_free(&targets), guarded_free(&gradient), guarded_free(&losses), guarded_free(&d_loss);
  }
}

TEST(loss_keeps_nan_where_it_is) {
  float x[40], t[40], loss[40], gradient[40];
  for (int i = 0; i < 40; i++) x[i] = (float)i / 10 - 2, t[i] = (float)(i % 2);
  x[17] = NAN;
  const HeedLossElementwiseShape shape = {40, 1, HeedLossReductionNone};
  const HeedLossElementwiseInputs in = {x, t, NULL};
  for (int squared = 0; squared < 2; squared++) {
    CHECK((squared ? heed_loss_squared_error
                   : heed_loss_binary_cross_entropy)(&shape, &in, &(HeedLossElementwiseOutputs){loss, gradient}) == HeedStatusOk);
    for (int i = 0; i < 40; i++) CHECK(isnan(loss[i]) == (i == 17) && isnan(gradient[i]) == (i == 17));
  }
}

TEST(loss_refuses_bad_arguments_and_touches_nothing) {
  float x[6] = {0}, y[6], loss;
  int64_t ids[4] = {0, 1, 2, 0};
  size_t count = 99;
  poison_floats(y, 6), poison_floats(&loss, 1);
  HeedLossDistillationShape d = {.rows = 2, .classes = 3, .student_row = 3, .teacher_row = 3, .d_student_row = 3, .temperature = 0};
  const HeedLossDistillationInputs di = {x, x, NULL};
  const HeedLossDistillationOutputs dout = {&loss, y, NULL};
  CHECK(heed_loss_distillation(&d, &di, &dout) == HeedStatusBadArgument);
  d.temperature = INFINITY;
  CHECK(heed_loss_distillation(&d, &di, &dout) == HeedStatusBadArgument);
  d.temperature = 1, d.d_student_row = 2;
  CHECK(heed_loss_distillation(&d, &di, &dout) == HeedStatusBadStride);
  CHECK(heed_loss_distillation(&d, &di, NULL) == HeedStatusBadArgument);
  HeedLossNegativeSamplingShape n = {
      .pairs = 1, .negatives = 2, .dim = 2, .center_rows = 3, .context_rows = 3, .center_row = 2, .context_row = 2, .d_center_row = 2};
  const HeedLossNegativeSamplingInputs ni = {x, x, ids, ids + 1, ids + 2, NULL};
  const HeedLossNegativeSamplingOutputs nout = {&loss, {.d_table = y}, {NULL, NULL, NULL}};
  for (int i = 0; i < 4; i++) {
    const int64_t kept = ids[i];
    ids[i] = 3;
    CHECK(heed_loss_negative_sampling(&n, &ni, &nout) == HeedStatusBadIndex);
    ids[i] = -1;
    CHECK(heed_loss_negative_sampling(&n, &ni, &nout) == HeedStatusBadIndex);
    ids[i] = kept;
  }
  CHECK(heed_loss_negative_sampling(&n, &ni, &(HeedLossNegativeSamplingOutputs){&loss, {NULL, ids, &count}, {0}}) == HeedStatusBadArgument);
  n.d_center_row = 1;
  CHECK(heed_loss_negative_sampling(&n, &ni, &nout) == HeedStatusBadStride);
  HeedLossElementwiseShape e = {6, 1, (HeedLossReduction)9};
  const HeedLossElementwiseInputs ei = {x, x, NULL}, none = {NULL, x, NULL};
  const HeedLossElementwiseOutputs eo = {&loss, y};
  CHECK(heed_loss_squared_error(&e, &ei, &eo) == HeedStatusBadArgument);
  e.reduction = HeedLossReductionSum;
  CHECK(heed_loss_squared_error(&e, &none, &eo) == HeedStatusBadArgument &&
        heed_loss_binary_cross_entropy(&e, &ei, NULL) == HeedStatusBadArgument);
  e.count = SIZE_MAX / 2;
  CHECK(heed_loss_binary_cross_entropy(&e, &ei, &eo) == HeedStatusBadShape);
  CHECK(is_poison(y, 6) && is_poison(&loss, 1) && count == 99);
}
