// Optimisers against float64: single steps, many steps, every variant, tails, page ends, threads, and what is not finite.

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "heed/optimizer.h"

#define SPANS 7
static const size_t counts[SPANS] = {5, 0, 16384, 1, 40000, 33, 16385};
#define TOTAL (5 + 16384 + 1 + 40000 + 33 + 16385)

enum { VALUE, GRADIENT, M, V, V_MAX, ARRAYS };

// Spans of the sizes above, each array with a block of its own that ends or begins at a page.
typedef struct Parameters {
  Guarded blocks[SPANS][ARRAYS];
  HeedOptimizerParameter spans[SPANS];
} Parameters;

static Parameters make(GuardSide side, double weight_decay) {
  Parameters p;
  for (size_t i = 0; i < SPANS; i++) {
    for (int a = 0; a < ARRAYS; a++) p.blocks[i][a] = guarded_allocate(counts[i] * sizeof(float), side);
    p.spans[i] = (HeedOptimizerParameter){counts[i],           p.blocks[i][VALUE].data, p.blocks[i][GRADIENT].data,
                                          p.blocks[i][M].data, p.blocks[i][V].data,     p.blocks[i][V_MAX].data,
                                          weight_decay};
  }
  return p;
}

static void discard(Parameters *p) {
  for (size_t i = 0; i < SPANS; i++)
    for (int a = 0; a < ARRAYS; a++) guarded_free(&p->blocks[i][a]);
}

static void fill(Parameters *p, int array, Random *r, double size) {
  for (size_t i = 0; i < SPANS; i++)
    for (size_t j = 0; j < counts[i]; j++) {
      const double x = size * random_normal(r);
      ((float *)p->blocks[i][array].data)[j] = (float)(array >= V ? fabs(x) : x);
    }
}

static void gather(const Parameters *p, int array, float *to) {
  for (size_t i = 0; i < SPANS; i++) memcpy(to, p->blocks[i][array].data, counts[i] * sizeof *to), to += counts[i];
}

static void gather_double(const Parameters *p, int array, double *to) {
  for (size_t i = 0; i < SPANS; i++)
    for (size_t j = 0; j < counts[i]; j++) *to++ = (double)((float *)p->blocks[i][array].data)[j];
}

typedef struct Variant {
  const char *name;
  bool is_adam;
  double weight_decay;
  HeedOptimizerSgd sgd;
  HeedOptimizerAdam adam;
} Variant;

static const Variant variants[] = {
    {.name = "sgd", .sgd = {.lr = 0.1}},
    {.name = "sgd, weight decay", .weight_decay = 0.01, .sgd = {.lr = 0.1}},
    {.name = "sgd, momentum", .weight_decay = 0.02, .sgd = {.lr = 0.1, .momentum = 0.9}},
    {.name = "sgd, dampening", .sgd = {.lr = 0.1, .momentum = 0.9, .dampening = 0.3}},
    {.name = "sgd, nesterov", .weight_decay = 0.02, .sgd = {.lr = 0.1, .momentum = 0.8, .nesterov = true}},
    {.name = "adam", .is_adam = true, .adam = {0.01, 0.9, 0.999, 1e-8, false, false, 0, 0}},
    {.name = "adam, weight decay", .is_adam = true, .weight_decay = 0.1, .adam = {0.01, 0.8, 0.99, 1e-6, false, false, 0, 0}},
    {.name = "adamw", .is_adam = true, .weight_decay = 0.1, .adam = {0.02, 0.9, 0.95, 1e-8, true, false, 0, 0}},
    {.name = "adam, amsgrad", .is_adam = true, .adam = {0.01, 0.9, 0.9, 1e-8, false, true, 0, 0}},
};
#define VARIANTS (sizeof variants / sizeof *variants)

static HeedStatus take_step(const Variant *v, uint64_t step, float scale, const HeedOptimizerParameter *spans, size_t count) {
  if (v->is_adam) {
    HeedOptimizerAdam adam = v->adam;
    adam.step = step, adam.gradient_scale = scale;
    return heed_optimizer_adam(&adam, count, spans);
  }
  HeedOptimizerSgd sgd = v->sgd;
  sgd.step = step, sgd.gradient_scale = scale;
  return heed_optimizer_sgd(&sgd, count, spans);
}

static HeedStatus take_reference_step(const Variant *v, uint64_t step, float scale, const float *gradient, double *state[ARRAYS]) {
  if (v->is_adam) {
    HeedOptimizerAdam adam = v->adam;
    adam.step = step, adam.gradient_scale = scale;
    return heed_optimizer_reference_adam(&adam, v->weight_decay, TOTAL, gradient, state[VALUE], state[M], state[V], state[V_MAX]);
  }
  HeedOptimizerSgd sgd = v->sgd;
  sgd.step = step, sgd.gradient_scale = scale;
  return heed_optimizer_reference_sgd(&sgd, v->weight_decay, TOTAL, gradient, state[VALUE], state[M]);
}

static double worst_against(const Parameters *p, int array, const double *reference, const double *before, float *room) {
  gather(p, array, room);
  double worst = 0;
  for (size_t j = 0; j < TOTAL; j++) {
    const double size = fabs(reference[j]) + fabs(before[j]), error = fabs((double)room[j] - reference[j]);
    if (!(error <= 0x1p-140)) worst = fmax(worst, isnan(error) ? INFINITY : error / (EPSILON * size));
  }
  return worst;
}

// Puts the sizes of what was added up to element j of each array in place of what the array held before.
static void measure_terms(const Variant *v, double before[ARRAYS][TOTAL], double after[ARRAYS][TOTAL], size_t j, double gradient) {
  const double w = fabs(before[VALUE][j]), decay = v->is_adam && v->adam.decoupled ? 0 : v->weight_decay;
  const double g = fabs(gradient) + decay * w, m = fabs(before[M][j]) + g;
  if (v->is_adam) // the step is proportional to m
    before[VALUE][j] = w + fabs(after[VALUE][j] - before[VALUE][j]) * m / fabs(after[M][j]);
  else
    before[VALUE][j] = w + v->sgd.lr * (g + m);
  before[M][j] = m;
  before[V][j] += g * g;
}

// One step from any state, with gradients of any size: a few roundings of what was there and what came.
TEST(optimizer_steps_are_rounded_a_few_times) {
  static float gradient[TOTAL], room[TOTAL];
  static double before[ARRAYS][TOTAL], after[ARRAYS][TOTAL];
  static const double sizes[] = {1, 0x1p-30, 0x1p20};
  for (size_t v = 0; v < VARIANTS; v++)
    for (size_t z = 0; z < 3; z++)
      for (uint64_t step = 1; step <= 1000; step *= 1000) {
        Parameters p = make((GuardSide)(step % 2), variants[v].weight_decay);
        Random r = random_stream(100 * v + 10 * z + step);
        fill(&p, VALUE, &r, sizes[(z + 1) % 3]), fill(&p, GRADIENT, &r, sizes[z]), fill(&p, M, &r, sizes[z]);
        fill(&p, V, &r, sizes[z] * sizes[z]), fill(&p, V_MAX, &r, sizes[z] * sizes[z]);
        gather(&p, GRADIENT, gradient);
        double *state[ARRAYS];
        for (int a = 0; a < ARRAYS; a++) {
          gather_double(&p, a, before[a]), gather_double(&p, a, after[a]);
          state[a] = after[a];
        }
        REQUIRE(take_step(variants + v, step, 0.75f, p.spans, SPANS) == HeedStatusOk);
        REQUIRE(take_reference_step(variants + v, step, 0.75f, gradient, state) == HeedStatusOk);
        for (size_t j = 0; j < TOTAL; j++) measure_terms(variants + v, before, after, j, 0.75 * (double)gradient[j]);
        const double value = worst_against(&p, VALUE, after[VALUE], before[VALUE], room);
        const double first = worst_against(&p, M, after[M], before[M], room);
        CHECK_MESSAGE(value <= 6 && first <= 3, "%s, step %zu, size %g: %.2f and %.2f eps", variants[v].name, (size_t)step, sizes[z], value,
                      first);
        if (variants[v].is_adam) {
          const double second = worst_against(&p, V, after[V], before[V], room);
          CHECK_MESSAGE(second <= 4, "%s, step %zu, size %g: %.2f eps", variants[v].name, (size_t)step, sizes[z], second);
        }
        discard(&p);
      }
}

// 30 steps from zero moments, of some 0.3 eps each; moments that SGD must not read yet are NaN.
TEST(optimizer_runs_stay_with_float64) {
  static float gradient[TOTAL], room[TOTAL];
  static double state_room[ARRAYS][TOTAL];
  for (size_t v = 0; v < VARIANTS; v++) {
    Parameters p = make(GuardEnd, variants[v].weight_decay);
    Random r = random_stream(v);
    fill(&p, VALUE, &r, 1);
    for (int a = M; a < ARRAYS; a++)
      for (size_t i = 0; i < SPANS; i++) {
        if (variants[v].is_adam)
          memset(p.blocks[i][a].data, 0, counts[i] * sizeof(float));
        else
          poison_floats(p.blocks[i][a].data, counts[i]);
      }
    double *state[ARRAYS];
    for (int a = 0; a < ARRAYS; a++) gather_double(&p, a, state[a] = state_room[a]);
    for (uint64_t step = 1; step <= 30; step++) {
      fill(&p, GRADIENT, &r, 0.3);
      gather(&p, GRADIENT, gradient);
      REQUIRE(take_step(variants + v, step, 1, p.spans, SPANS) == HeedStatusOk);
      REQUIRE(take_reference_step(variants + v, step, 1, gradient, state) == HeedStatusOk);
    }
    gather(&p, VALUE, room);
    const Errors e = compare_rows(room, state[VALUE], 1, TOTAL);
    CHECK_MESSAGE(e.maximum <= 10 * EPSILON, "%s: %.2f eps", variants[v].name, e.maximum / EPSILON);
    discard(&p);
  }
}

TEST(optimizer_bits_do_not_depend_on_threads_or_spans) {
  static float expected[ARRAYS][TOTAL], found[TOTAL];
  static const size_t threads[] = {1, 2, 3, 5, 8};
  for (size_t v = 0; v < VARIANTS; v++)
    for (size_t t = 0; t <= 5; t++) {
      Parameters p = make((GuardSide)(t % 2), variants[v].weight_decay);
      Random r = random_stream(v);
      for (int a = 0; a < ARRAYS; a++) fill(&p, a, &r, 1);
      heed_thread_count_set(t < 5 ? threads[t] : 2);
      if (t < 5)
        CHECK(take_step(variants + v, 3, 0.5f, p.spans, SPANS) == HeedStatusOk);
      else // an element at a time, or a few
        for (size_t i = 0; i < SPANS; i++)
          for (size_t begin = 0, count; begin < counts[i]; begin += count) {
            count = begin % 29 + 1 < counts[i] - begin ? begin % 29 + 1 : counts[i] - begin;
            const HeedOptimizerParameter *x = p.spans + i;
            const HeedOptimizerParameter part = {count,        x->value + begin, x->gradient + begin, x->m + begin,
                                                 x->v + begin, x->v_max + begin, x->weight_decay};
            CHECK(take_step(variants + v, 3, 0.5f, &part, 1) == HeedStatusOk);
          }
      for (int a = 0; a < ARRAYS; a++) {
        gather(&p, a, t == 0 ? expected[a] : found);
        if (t > 0) CHECK_MESSAGE(differing_floats(found, expected[a], TOTAL, NULL) == 0, "%s, array %d", variants[v].name, a);
      }
      discard(&p);
    }
  heed_thread_count_set(0);
}

// NaN and infinity touch their element alone; without weight decay an infinite weight stays itself.
TEST(optimizer_keeps_nan_in_its_element) {
  for (size_t v = 0; v < VARIANTS; v++) {
    float value[40], clean[40], gradient[40], moments[2][3][40] = {{{0}}};
    for (int i = 0; i < 40; i++) value[i] = clean[i] = (float)i, gradient[i] = 1;
    HeedOptimizerParameter span = {40, clean, gradient, moments[0][0], moments[0][1], moments[0][2], variants[v].weight_decay};
    REQUIRE(take_step(variants + v, 1, 1, &span, 1) == HeedStatusOk);
    gradient[17] = NAN, value[33] = INFINITY;
    span = (HeedOptimizerParameter){40, value, gradient, moments[1][0], moments[1][1], moments[1][2], variants[v].weight_decay};
    REQUIRE(take_step(variants + v, 1, 1, &span, 1) == HeedStatusOk);
    const bool decays = variants[v].weight_decay != 0 && !variants[v].adam.decoupled;
    for (int i = 0; i < 40; i++)
      if (i == 17)
        CHECK(isnan(value[i]));
      else if (i == 33)
        CHECK_MESSAGE(decays ? !isfinite(value[i]) : value[i] == INFINITY, "%s", variants[v].name);
      else
        CHECK(value[i] == clean[i]);
  }
}

// Spans that decay and spans that do not: one pass gives the bits of a pass for each.
TEST(optimizer_decays_each_span_at_its_own_rate) {
  static float expected[ARRAYS][TOTAL], found[TOTAL];
  for (size_t v = 0; v < VARIANTS; v++)
    for (int together = 0; together < 2; together++) {
      Parameters p = make(GuardEnd, 0);
      Random r = random_stream(50 + v);
      for (int a = 0; a < ARRAYS; a++) fill(&p, a, &r, 1);
      for (size_t i = 0; i < SPANS; i++) p.spans[i].weight_decay = i % 3 == 0 ? 0 : 0.05 * (double)i;
      for (size_t i = 0; i < (together ? 1 : SPANS); i++)
        CHECK(take_step(variants + v, 3, 0.5f, p.spans + i, together ? SPANS : 1) == HeedStatusOk);
      for (int a = 0; a < ARRAYS; a++) {
        gather(&p, a, together ? found : expected[a]);
        if (together) CHECK_MESSAGE(differing_floats(found, expected[a], TOTAL, NULL) == 0, "%s, array %d", variants[v].name, a);
      }
      discard(&p);
    }
}

TEST_ONCE(optimizer_refuses_bad_arguments) {
  float w[2] = {1, 2}, g[2] = {1, 1}, m[2] = {0}, s[2] = {0};
  const HeedOptimizerParameter span = {2, w, g, m, s, NULL, 0};
  const HeedOptimizerSgd sgd = {.lr = 1, .momentum = 0.5, .step = 1, .gradient_scale = 1};
  const HeedOptimizerAdam adam = {.lr = 1, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .step = 1, .gradient_scale = 1};
#define REFUSES_SGD(change)                                                                                                                \
  do {                                                                                                                                     \
    HeedOptimizerSgd bad = sgd;                                                                                                            \
    bad.change;                                                                                                                            \
    CHECK(heed_optimizer_sgd(&bad, 1, &span) == HeedStatusBadArgument);                                                                    \
  } while (0)
#define REFUSES_ADAM(change)                                                                                                               \
  do {                                                                                                                                     \
    HeedOptimizerAdam bad = adam;                                                                                                          \
    bad.change;                                                                                                                            \
    CHECK(heed_optimizer_adam(&bad, 1, &span) == HeedStatusBadArgument);                                                                   \
  } while (0)
  REFUSES_SGD(lr = NAN);
  REFUSES_SGD(lr = -1);
  REFUSES_SGD(momentum = INFINITY);
  REFUSES_SGD(step = 0);
  REFUSES_SGD(gradient_scale = NAN);
  REFUSES_SGD(dampening = NAN);
  REFUSES_ADAM(beta1 = 1);
  REFUSES_ADAM(beta2 = NAN);
  REFUSES_ADAM(eps = -1);
  REFUSES_ADAM(step = 0);
  REFUSES_ADAM(amsgrad = true);
  REFUSES_ADAM(gradient_scale = INFINITY);
  REFUSES_ADAM(lr = -0.1);
  HeedOptimizerSgd nesterov = sgd;
  nesterov.nesterov = true, nesterov.dampening = 0.1;
  CHECK(heed_optimizer_sgd(&nesterov, 1, &span) == HeedStatusBadArgument);
  HeedOptimizerParameter bad[2] = {span, span};
  bad[1].m = NULL;
  CHECK(heed_optimizer_sgd(&sgd, 2, bad) == HeedStatusBadArgument && heed_optimizer_adam(&adam, 2, bad) == HeedStatusBadArgument);
  bad[1] = span, bad[1].weight_decay = -1;
  CHECK(heed_optimizer_sgd(&sgd, 2, bad) == HeedStatusBadArgument && heed_optimizer_adam(&adam, 2, bad) == HeedStatusBadArgument);
  bad[1] = span, bad[1].gradient = NULL;
  CHECK(heed_optimizer_sgd(&sgd, 2, bad) == HeedStatusBadArgument);
  bad[1] = span, bad[1].count = SIZE_MAX / 2;
  CHECK(heed_optimizer_sgd(&sgd, 2, bad) == HeedStatusBadShape);
  CHECK(heed_optimizer_sgd(NULL, 1, &span) == HeedStatusBadArgument && heed_optimizer_sgd(&sgd, 1, NULL) == HeedStatusBadArgument);
  CHECK(heed_optimizer_sgd(&sgd, 0, NULL) == HeedStatusOk);
  CHECK(w[0] == 1 && w[1] == 2 && m[0] == 0 && s[0] == 0);
}
