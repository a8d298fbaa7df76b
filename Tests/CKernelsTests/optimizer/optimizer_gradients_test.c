// Norm, the factor of clipping and accumulation of gradients.

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "heed/optimizer.h"

#define SPANS 6
static const size_t counts[SPANS] = {5, 0, 16384, 50001, 1, 16385};
#define TOTAL (5 + 16384 + 50001 + 1 + 16385)

typedef struct Gradients {
  Guarded blocks[SPANS];
  HeedOptimizerSpan spans[SPANS];
} Gradients;

static Gradients make(GuardSide side, uint64_t stream, double size) {
  Gradients g;
  Random r = random_stream(stream);
  for (size_t i = 0; i < SPANS; i++) {
    g.blocks[i] = guarded_allocate(counts[i] * sizeof(float), side);
    g.spans[i] = (HeedOptimizerSpan){counts[i], g.blocks[i].data};
    for (size_t j = 0; j < counts[i]; j++) g.spans[i].data[j] = (float)(size * random_normal(&r));
  }
  return g;
}

static void discard(Gradients *g) {
  for (size_t i = 0; i < SPANS; i++) guarded_free(&g->blocks[i]);
}

static void gather(const Gradients *g, float *to) {
  for (size_t i = 0; i < SPANS; i++) memcpy(to, g->spans[i].data, counts[i] * sizeof *to), to += counts[i];
}

static long double exact_norm(const float *x) {
  long double sum = 0;
  for (size_t i = 0; i < TOTAL; i++) sum += (long double)x[i] * (long double)x[i];
  return sqrtl(sum);
}

TEST(optimizer_norm_is_exact_to_float64_and_the_same_everywhere) {
  static float x[TOTAL];
  static const double sizes[] = {1, 0x1p-140, 0x1p120, 3e-20};
  static const size_t threads[] = {1, 2, 3, 5, 8};
  static double expected[4];
  static bool known;
  for (size_t z = 0; z < 4; z++)
    for (size_t t = 0; t < 5; t++) {
      Gradients g = make((GuardSide)(t % 2), z, sizes[z]);
      gather(&g, x);
      heed_thread_count_set(threads[t]);
      double norm = NAN;
      size_t bad = 0;
      CHECK(heed_optimizer_gradient_norm(SPANS, g.spans, &norm, &bad) == HeedStatusOk && bad == SPANS);
      const double exact = (double)exact_norm(x);
      CHECK_MESSAGE(fabs(norm - exact) <= 1e-13 * exact, "%.17g for %.17g", norm, exact);
      if (!known && t == 0) expected[z] = norm;
      CHECK(memcmp(&norm, &expected[z], sizeof norm) == 0);
      discard(&g);
    }
  known = true;
  heed_thread_count_set(0);
}

TEST(optimizer_norm_names_the_first_span_that_is_not_finite) {
  for (int kind = 0; kind < 2; kind++)
    for (size_t i = 0; i < SPANS; i++) {
      if (counts[i] == 0) continue;
      Gradients g = make(GuardEnd, 9, 1);
      g.spans[i].data[counts[i] - 1] = kind ? -INFINITY : NAN;
      g.spans[SPANS - 1].data[0] = NAN;
      double norm = 0;
      size_t bad = SPANS;
      CHECK(heed_optimizer_gradient_norm(SPANS, g.spans, &norm, &bad) == HeedStatusOk && !isfinite(norm) && bad == i);
      discard(&g);
    }
}

TEST_ONCE(optimizer_clips_by_the_norm) {
  static const double norms[] = {0, 1e-9, 0.5, 1, 3, 1e30}, limits[] = {0, 0.5, 250, 1e9};
  for (size_t n = 0; n < 6; n++)
    for (size_t m = 0; m < 4; m++) CHECK(heed_optimizer_clip_factor(norms[n], limits[m]) == (float)fmin(1, limits[m] / (norms[n] + 1e-6)));
  CHECK(heed_optimizer_clip_factor(NAN, 1) == 1 && heed_optimizer_clip_factor(INFINITY, 1) == 1);
}

TEST(optimizer_accumulates_gradients) {
  static float x[TOTAL], y[TOTAL], z[TOTAL];
  for (size_t t = 1; t <= 5; t += 2) {
    heed_thread_count_set(t);
    Gradients g = make(GuardEnd, 30, 1), h = make(GuardBegin, 31, 1);
    gather(&g, x), gather(&h, y);
    CHECK(heed_optimizer_gradient_accumulate(SPANS, g.spans, h.spans, -0.25f) == HeedStatusOk);
    gather(&g, z);
    for (size_t j = 0; j < TOTAL; j++) CHECK(z[j] == x[j] - 0.25f * y[j]); // the product is exact
    discard(&g), discard(&h);
  }
  heed_thread_count_set(0);
}

TEST_ONCE(optimizer_gradients_refuse_bad_arguments) {
  float x[2] = {1, 2};
  const HeedOptimizerSpan good = {2, x}, null = {2, NULL}, huge = {SIZE_MAX / 2, x}, short_one = {1, x};
  double norm = 5;
  CHECK(heed_optimizer_gradient_norm(1, NULL, &norm, NULL) == HeedStatusBadArgument &&
        heed_optimizer_gradient_norm(1, &null, &norm, NULL) == HeedStatusBadArgument);
  CHECK(heed_optimizer_gradient_norm(1, &huge, &norm, NULL) == HeedStatusBadShape && norm == 5);
  CHECK(heed_optimizer_gradient_norm(0, NULL, &norm, NULL) == HeedStatusOk && norm == 0);
  CHECK(heed_optimizer_gradient_accumulate(1, &good, &short_one, 1) == HeedStatusBadShape);
  CHECK(heed_optimizer_gradient_accumulate(1, &good, &null, 1) == HeedStatusBadArgument &&
        heed_optimizer_gradient_accumulate(1, &good, &good, INFINITY) == HeedStatusBadArgument);
  CHECK(x[0] == 1 && x[1] == 2);
}
