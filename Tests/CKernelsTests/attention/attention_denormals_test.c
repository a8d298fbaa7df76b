// funes 160: weights that underflow make denormal operands and results, over which Intel's processors take a hundred times as long. Whether
// a call met one does not show in its time everywhere, but it does in the exception flags of x86's control word.

#include <math.h>

#include "attention_backward_support.h"
#include "heed/softmax.h"

#if defined(__x86_64__)

#include <xmmintrin.h>

#define DENORMAL_OPERAND 0x02u
#define UNDERFLOW        0x10u

static const float depths[] = {1,  60, 69,  70,  80,  82,  84,  86,  87,   87.3f, 87.4f, 88,
                               90, 95, 100, 103, 104, 110, 125, 200, 1000, 1e5f,  1e30f};
#define DEPTHS (sizeof depths / sizeof *depths)

static void clear_flags(void) { _mm_setcsr(_mm_getcsr() & ~0x3fu); }
static unsigned raised_flags(void) { return _mm_getcsr() & (DENORMAL_OPERAND | UNDERFLOW); }

// Scores of which three in four lie `depth` below the row's largest: they are the keys' first elements.
static void set_depth(Built *built, float depth) {
  for (size_t h = 0; h < built->problem.G; h++)
    for (size_t j = 0; j < built->problem.Nk; j++)
      for (size_t d = 0; d < built->problem.D; d++) *at(&built->key, 0, h, j, d) = d == 0 && j % 4 != 0 ? -depth : 0.0f;
  for (size_t h = 0; h < built->problem.H; h++)
    for (size_t i = 0; i < built->problem.Nq; i++) {
      for (size_t d = 0; d < built->problem.D; d++) *at(&built->query, 0, h, i, d) = 0.0f;
      *at(&built->query, 0, h, i, 0) = sqrtf((float)built->problem.D);
    }
}

// Numbers in [1, 2), whose products with a weight are no smaller than it.
static void set_above_one(const Operand *x, uint64_t stream) {
  Random random = random_stream(stream);
  for (size_t h = 0; h < x->size[1]; h++)
    for (size_t i = 0; i < x->size[2]; i++)
      for (size_t c = 0; c < x->size[3]; c++) *at(x, 0, h, i, c) = 1 + (float)random_uniform(&random) / 2;
}

static const Problem problem = {.B = 1, .H = 2, .G = 2, .Nq = 70, .Nk = 200, .D = 16, .E = 33, .family = FamilyUniform, .stream = 9007};

TEST(attention_forward_meets_no_denormal) {
  Built built = build(&problem);
  set_above_one(&built.value, 1);
  CHECK(heed_thread_count_set(1) == HeedStatusOk);
  for (size_t i = 0; i < DEPTHS; i++) {
    set_depth(&built, depths[i]);
    FOR_EACH_ARM(arm, &built) {
      clear_flags();
      Result result = run_arm(arm, &built, false);
      CHECK_MESSAGE(raised_flags() == 0, "%s: flags %#x at depth %g", arm->name, raised_flags(), (double)depths[i]);
      result_free(&result);
    }
  }
  CHECK(heed_thread_count_set(0) == HeedStatusOk);
  built_free(&built);
}

TEST(attention_backward_meets_no_denormal) {
  BackwardBuilt built = build_backward(&(BackwardProblem){.forward = problem});
  set_above_one(&built.forward.value, 1);
  set_above_one(&built.d_output, 2);
  CHECK(heed_thread_count_set(1) == HeedStatusOk);
  for (size_t i = 0; i < DEPTHS; i++) {
    set_depth(&built.forward, depths[i]);
    run_forward(&built);
    FOR_EACH_BACKWARD_ARM(arm) {
      clear_flags();
      Gradients gradients = run_backward(arm, &built, WantAll);
      CHECK_MESSAGE(raised_flags() == 0, "%s: flags %#x at depth %g", arm->name, raised_flags(), (double)depths[i]);
      gradients_free(&gradients);
    }
  }
  CHECK(heed_thread_count_set(0) == HeedStatusOk);
  backward_free(&built);
}

TEST(attention_softmax_meets_no_denormal) {
  enum { COLUMNS = 1000 };
  static float x[COLUMNS], y[COLUMNS];
  const HeedSoftmaxShape shape = {
      .rows = 1, .columns = COLUMNS, .input_row = COLUMNS, .input_column = 1, .output_row = COLUMNS, .output_column = 1, .scale = 1};
  for (size_t i = 0; i < DEPTHS; i++) {
    for (size_t j = 0; j < COLUMNS; j++) x[j] = j % 4 ? -depths[i] : 0;
    clear_flags();
    CHECK(heed_softmax_forward(&shape, &(HeedSoftmaxInputs){.input = x}, y) == HeedStatusOk);
    CHECK_MESSAGE(raised_flags() == 0, "flags %#x at depth %g", raised_flags(), (double)depths[i]);
  }
}

#endif

// Weights just above the limit count.
TEST(attention_small_weights_count) {
  Built built = build(&(Problem){.B = 1, .H = 1, .G = 1, .Nq = 1, .Nk = 2, .D = 1, .E = 1, .scale = 1, .stream = 9008});
  *at(&built.query, 0, 0, 0, 0) = 1;
  *at(&built.key, 0, 0, 0, 0) = 0;
  *at(&built.key, 0, 0, 1, 0) = -87;
  *at(&built.value, 0, 0, 0, 0) = 0;
  *at(&built.value, 0, 0, 1, 0) = 1e30f;
  FOR_EACH_ARM(arm, &built) {
    Result result = run_arm(arm, &built, false);
    const double expected = exp(-87) * 1e30;
    CHECK_MESSAGE(fabs((double)result.output[0] - expected) < 1e-4 * expected, "%s: %g instead of %g", arm->name, (double)result.output[0],
                  expected);
    result_free(&result);
  }
  built_free(&built);
}
