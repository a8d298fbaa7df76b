// Cross-entropy against the float64 reference: targets, weights, reductions, families of numbers; its bits; what is refused.

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "heed/loss.h"

typedef enum Family { Normal, Near88, Near150, Shifted, Rising, Confident, WithMinusInfinity, WithNaN, Huge, FAMILY_COUNT } Family;

static float sample(Family family, Random *r, size_t j) {
  const float x = (float)random_normal(r);
  switch (family) {
  case Near88:
    return 88 + 4 * x;
  case Near150:
    return random_below(r, 3) ? 150 + x : -150 + x;
  case Shifted:
    return -1000 + x;
  case Rising:
    return 0.25f * (float)j;
  case Confident:
    return j == 0 ? 20 : x;
  case WithMinusInfinity:
    return random_below(r, 4) == 0 ? -INFINITY : x;
  case WithNaN:
    return random_below(r, 200) == 0 ? NAN : x;
  case Huge:
    return random_below(r, 2) ? FLT_MAX : x;
  default:
    return x;
  }
}

typedef struct Problem {
  HeedLossCrossEntropyShape shape;
  HeedLossCrossEntropyInputs inputs;
  Guarded logits, probabilities, d_logits;
  int64_t *targets;
  float *weights, *d_loss;
} Problem;

// Padded rows with NaN between them, at either end of a page.
static Guarded rows_of(size_t rows, size_t columns, ptrdiff_t *stride, Random *r) {
  *stride = (ptrdiff_t)(columns + random_below(r, 3));
  const size_t count = rows && columns ? (rows - 1) * (size_t)*stride + columns : 0;
  Guarded block = guarded_allocate(count * sizeof(float), (GuardSide)random_below(r, 2));
  poison_floats(block.data, count);
  return block;
}

static Problem build(size_t rows, size_t classes, Family family, Random *r) {
  Problem p = {.shape = {.rows = rows, .classes = classes, .reduction = (HeedLossReduction)random_below(r, 3)}};
  p.logits = rows_of(rows, classes, &p.shape.logits_row, r);
  p.probabilities = rows_of(rows, classes, &p.shape.probabilities_row, r);
  p.d_logits = rows_of(rows, classes, &p.shape.d_logits_row, r);
  p.targets = malloc(rows * sizeof *p.targets + 1);
  p.weights = malloc(classes * sizeof *p.weights + 1);
  p.d_loss = malloc(rows * sizeof *p.d_loss + 4);
  p.shape.ignores = random_below(r, 3) == 0;
  p.shape.ignore_index = random_below(r, 2) ? -100 : 0;
  p.shape.label_smoothing = random_below(r, 2) ? 0 : (float)random_uniform(r);
  for (size_t c = 0; c < classes; c++) p.weights[c] = random_below(r, 6) ? (float)random_uniform(r) + 0.5f : 0;
  for (size_t i = 0; i < rows; i++) {
    p.targets[i] = p.shape.ignores && random_below(r, 4) == 0 ? p.shape.ignore_index : (int64_t)random_below(r, classes);
    p.d_loss[i] = (float)random_normal(r);
    float *x = (float *)p.logits.data + (ptrdiff_t)i * p.shape.logits_row;
    float *t = (float *)p.probabilities.data + (ptrdiff_t)i * p.shape.probabilities_row;
    for (size_t c = 0; c < classes; c++) {
      x[c] = sample(family, r, c);
      t[c] = random_below(r, 3) ? (float)random_uniform(r) / (float)classes : 0;
    }
  }
  const bool soft = random_below(r, 3) == 0;
  p.inputs.logits = p.logits.data;
  if (soft)
    p.inputs.target_probabilities = p.probabilities.data;
  else
    p.inputs.targets = p.targets;
  if (random_below(r, 2)) p.inputs.class_weights = p.weights;
  if (random_below(r, 2)) p.inputs.d_loss = p.d_loss;
  return p;
}

static void problem_free(Problem *p) {
  guarded_free(&p->logits), guarded_free(&p->probabilities), guarded_free(&p->d_logits);
  free(p->targets), free(p->weights), free(p->d_loss);
}

static bool is_close(float x, double r, double allowed) {
  if (isnan(r)) return isnan(x);
  if (isinf(r) || fabs(r) > (double)FLT_MAX) return (double)x == (isinf(r) ? r : copysign(INFINITY, r));
  return fabs((double)x - r) <= allowed;
}

TEST(loss_cross_entropy_agrees_with_the_oracle) {
  static const size_t sizes[] = {1, 2, 3, 7, 15, 16, 17, 33, 64, 65, 100, 257, 1000};
  const int cases = test_exhaustive ? 10000 : 500;
  for (int c = 0; c < cases && test_failures() < 10; c++) {
    Random r = random_stream(5000 + (uint64_t)c);
    const Family family = (Family)(c % FAMILY_COUNT);
    const size_t rows = sizes[random_below(&r, 8)], classes = sizes[random_below(&r, 13)];
    Problem p = build(rows, classes, family, &r);
    const bool each = p.shape.reduction == HeedLossReductionNone, in_place = random_below(&r, 4) == 0;
    double *loss = malloc(rows * sizeof *loss), *d_logits = malloc(rows * classes * sizeof *d_logits);
    float *result = malloc(rows * sizeof *result), alone[33 * 8] = {0};
    CHECK(heed_loss_reference_cross_entropy(&p.shape, &p.inputs, loss, d_logits) == HeedStatusOk);
    // The value alone, then both; the same bits.
    CHECK(heed_loss_cross_entropy(&p.shape, &p.inputs, &(HeedLossCrossEntropyOutputs){alone, NULL}) == HeedStatusOk);
    if (in_place) p.shape.d_logits_row = p.shape.logits_row;
    float *target = in_place ? p.logits.data : p.d_logits.data;
    CHECK(heed_loss_cross_entropy(&p.shape, &p.inputs, &(HeedLossCrossEntropyOutputs){result, target}) == HeedStatusOk);
    CHECK(differing_floats(result, alone, each ? rows : 1, NULL) == 0);
    for (size_t i = 0; i < (each ? rows : 1); i++)
      CHECK_MESSAGE(is_close(result[i], loss[i], 4 * EPSILON * fmax(1, fabs(loss[i])) * (each ? 1 : 2)),
                    "case %d, family %d, %zu x %zu: loss %g, not %g", c, family, rows, classes, (double)result[i], loss[i]);
    double factor = p.inputs.d_loss ? 0 : 1;
    for (size_t i = 0; p.inputs.d_loss && i < (each ? rows : 1); i++) factor = fmax(factor, fabs((double)p.d_loss[i]));
    for (size_t i = 0; i < rows; i++)
      for (size_t j = 0; j < classes; j++) {
        float *g = target + (ptrdiff_t)i * p.shape.d_logits_row + (ptrdiff_t)j;
        const bool good = is_close(*g, d_logits[i * classes + j], 6 * EPSILON * factor * 1.5 + 0x1p-149);
        CHECK_MESSAGE(good, "case %d, family %d, %zu x %zu, row %zu class %zu: gradient %g, not %g", c, family, rows, classes, i, j,
                      (double)*g, d_logits[i * classes + j]);
        if (!good) break;
        poison_floats(g, 1);
      }
    CHECK(is_poison(target, (rows - 1) * (size_t)p.shape.d_logits_row + classes));
    free(loss), free(d_logits), free(result);
    problem_free(&p);
  }
}

// A probability of all but 1: neither the loss nor the target's gradient is rounded away.
TEST(loss_cross_entropy_keeps_small_losses) {
  float logits[100], loss, d_logits[100];
  const int64_t target = 63;
  for (int c = 0; c < 100; c++) logits[c] = c == 63 ? 12 : -0.01f * (float)c;
  double expected, derivatives[100];
  const HeedLossCrossEntropyShape shape = {.rows = 1, .classes = 100, .reduction = HeedLossReductionSum};
  const HeedLossCrossEntropyInputs inputs = {.logits = logits, .targets = &target};
  CHECK(heed_loss_reference_cross_entropy(&shape, &inputs, &expected, derivatives) == HeedStatusOk);
  CHECK(heed_loss_cross_entropy(&shape, &inputs, &(HeedLossCrossEntropyOutputs){&loss, d_logits}) == HeedStatusOk);
  CHECK_MESSAGE(fabs((double)loss - expected) <= 8 * EPSILON * expected, "%g, not %g", (double)loss, expected);
  for (int c = 0; c < 100; c++) CHECK(fabs((double)d_logits[c] - derivatives[c]) <= 8 * EPSILON * fabs(derivatives[c]));
}

// Everything ignored, and nothing at all: 0, not 0 / 0.
TEST(loss_cross_entropy_of_nothing_is_zero) {
  float logits[6] = {NAN, 1, 2, INFINITY, 4, 5}, d_logits[6], loss = 7;
  const int64_t targets[2] = {-100, -100};
  HeedLossCrossEntropyShape shape = {.rows = 2, .classes = 3, .logits_row = 3, .d_logits_row = 3, .ignores = true, .ignore_index = -100};
  HeedLossCrossEntropyInputs inputs = {.logits = logits, .targets = targets};
  for (int reduction = 1; reduction < 3; reduction++) {
    shape.reduction = (HeedLossReduction)reduction;
    poison_floats(d_logits, 6), loss = 7;
    CHECK(heed_loss_cross_entropy(&shape, &inputs, &(HeedLossCrossEntropyOutputs){&loss, d_logits}) == HeedStatusOk);
    CHECK(loss == 0);
    for (int i = 0; i < 6; i++) CHECK(d_logits[i] == 0);
  }
  shape.reduction = HeedLossReductionMean, shape.rows = 0, loss = 7;
  CHECK(heed_loss_cross_entropy(&shape, &inputs, &(HeedLossCrossEntropyOutputs){&loss, NULL}) == HeedStatusOk && loss == 0);
}

// A vocabulary of GPT-2's, on any number of threads, and a row alone.
TEST(loss_cross_entropy_bits_depend_on_the_row_alone) {
  enum { ROWS = 12, CLASSES = 50257 };
  float *logits = malloc(ROWS * CLASSES * sizeof *logits), *d_logits = malloc(ROWS * CLASSES * sizeof *d_logits),
        *expected = malloc(ROWS * CLASSES * sizeof *expected);
  int64_t targets[ROWS];
  Random r = random_stream(5900);
  for (size_t i = 0; i < ROWS * CLASSES; i++) logits[i] = 3 * (float)random_normal(&r);
  for (size_t i = 0; i < ROWS; i++) targets[i] = (int64_t)random_below(&r, CLASSES);
  for (int smooth = 0; smooth < 2; smooth++) {
    HeedLossCrossEntropyShape shape = {
        .rows = ROWS, .classes = CLASSES, .logits_row = CLASSES, .d_logits_row = CLASSES, .reduction = HeedLossReductionSum};
    shape.label_smoothing = smooth ? 0.1f : 0;
    const HeedLossCrossEntropyInputs inputs = {.logits = logits, .targets = targets};
    float losses[ROWS], total, again;
    heed_thread_count_set(1);
    CHECK(heed_loss_cross_entropy(&shape, &inputs, &(HeedLossCrossEntropyOutputs){&total, expected}) == HeedStatusOk);
    static const size_t threads[] = {2, 3, 5, 8};
    for (size_t t = 0; t < 4; t++) {
      heed_thread_count_set(threads[t]);
      CHECK(heed_loss_cross_entropy(&shape, &inputs, &(HeedLossCrossEntropyOutputs){&again, d_logits}) == HeedStatusOk);
      CHECK(differing_floats(&again, &total, 1, NULL) == 0 && differing_floats(d_logits, expected, ROWS * CLASSES, NULL) == 0);
    }
    heed_thread_count_set(0);
    shape.reduction = HeedLossReductionNone;
    CHECK(heed_loss_cross_entropy(&shape, &inputs, &(HeedLossCrossEntropyOutputs){losses, NULL}) == HeedStatusOk);
    shape.rows = 1;
    for (size_t i = 0; i < ROWS; i += 5) {
      const HeedLossCrossEntropyInputs one = {.logits = logits + i * CLASSES, .targets = targets + i};
      CHECK(heed_loss_cross_entropy(&shape, &one, &(HeedLossCrossEntropyOutputs){&again, d_logits}) == HeedStatusOk);
      CHECK(again == losses[i] && differing_floats(d_logits, expected + i * CLASSES, CLASSES, NULL) == 0);
    }
  }
  free(logits), free(d_logits), free(expected);
}

// The reference's gradient against central differences of its own loss.
TEST_ONCE(loss_cross_entropy_reference_gradients_are_differences) {
  for (int c = 0; c < 40; c++) {
    Random r = random_stream(5950 + (uint64_t)c);
    Problem p = build(3, 5, Normal, &r);
    double loss[3], d_logits[15], difference[15];
    CHECK(heed_loss_reference_cross_entropy(&p.shape, &p.inputs, loss, d_logits) == HeedStatusOk);
    for (size_t i = 0; i < 15; i++) {
      float *x = (float *)p.logits.data + (ptrdiff_t)(i / 5) * p.shape.logits_row + i % 5;
      const float kept = *x, step = 0x1p-9f;
      difference[i] = 0;
      for (int side = -1; side <= 1; side += 2) {
        *x = kept + (float)side * step;
        CHECK(heed_loss_reference_cross_entropy(&p.shape, &p.inputs, loss, NULL) == HeedStatusOk);
        const bool each = p.shape.reduction == HeedLossReductionNone;
        for (size_t k = 0; k < (each ? 3 : 1); k++)
          difference[i] += side * loss[k] * (p.inputs.d_loss ? (double)p.d_loss[k] : 1) /
                           (((double)kept + (double)step) - ((double)kept - (double)step));
      }
      *x = kept;
      CHECK_MESSAGE(fabs(difference[i] - d_logits[i]) <= 1e-4, "case %d, element %zu: %g, slope %g", c, i, d_logits[i], difference[i]);
    }
    problem_free(&p);
  }
}

TEST(loss_cross_entropy_refuses_bad_arguments_and_touches_nothing) {
  float logits[6] = {0}, probabilities[6] = {0}, d_logits[6], loss[2];
  int64_t targets[2] = {0, 2};
  poison_floats(d_logits, 6), poison_floats(loss, 2);
  const HeedLossCrossEntropyShape good = {.rows = 2, .classes = 3, .logits_row = 3, .d_logits_row = 3, .probabilities_row = 3};
  const HeedLossCrossEntropyInputs in = {.logits = logits, .targets = targets};
  const HeedLossCrossEntropyOutputs out = {loss, d_logits};
  HeedLossCrossEntropyShape bad = good;
  HeedLossCrossEntropyInputs other = in;
#define REFUSES(status, shape, inputs, outputs) CHECK(heed_loss_cross_entropy(shape, inputs, outputs) == status)
  REFUSES(HeedStatusBadArgument, NULL, &in, &out);
  REFUSES(HeedStatusBadArgument, &good, NULL, &out);
  REFUSES(HeedStatusBadArgument, &good, &in, NULL);
  targets[1] = 3;
  REFUSES(HeedStatusBadIndex, &good, &in, &out);
  targets[1] = -1;
  REFUSES(HeedStatusBadIndex, &good, &in, &out);
  targets[1] = INT64_MIN;
  REFUSES(HeedStatusBadIndex, &good, &in, &out);
  targets[1] = 2;
  other.target_probabilities = probabilities;
  REFUSES(HeedStatusBadArgument, &good, &other, &out);
  other.targets = NULL, other.target_probabilities = NULL;
  REFUSES(HeedStatusBadArgument, &good, &other, &out);
  other = in, other.logits = NULL;
  REFUSES(HeedStatusBadArgument, &good, &other, &out);
  bad.label_smoothing = NAN;
  REFUSES(HeedStatusBadArgument, &bad, &in, &out);
  bad.label_smoothing = 1.5f;
  REFUSES(HeedStatusBadArgument, &bad, &in, &out);
  bad = good, bad.reduction = (HeedLossReduction)3;
  REFUSES(HeedStatusBadArgument, &bad, &in, &out);
  bad = good, bad.d_logits_row = 2;
  REFUSES(HeedStatusBadStride, &bad, &in, &out);
  bad = good, bad.logits_row = PTRDIFF_MAX;
  REFUSES(HeedStatusBadStride, &bad, &in, &out);
  bad = good, bad.rows = SIZE_MAX / 2;
  REFUSES(HeedStatusBadShape, &bad, &in, &out);
  CHECK(is_poison(d_logits, 6) && is_poison(loss, 2));
}
