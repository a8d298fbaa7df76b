// Faults that other engines shipped in exactly this area, each by the name it was reported under.

#include <float.h>
#include <math.h>
#include <string.h>

#include "attention_support.h"

static void set_boolean(Built *built, bool (*visible)(size_t i, size_t j)) {
  const HeedAttentionStrides s = built->shape.boolean;
  for (size_t b = 0; b < built->problem.B; b++)
    for (size_t h = 0; h < built->problem.H; h++)
      for (size_t i = 0; i < built->problem.Nq; i++)
        for (size_t j = 0; j < built->problem.Nk; j++)
          built->boolean[(ptrdiff_t)b * s.batch + (ptrdiff_t)h * s.head + (ptrdiff_t)i * s.row + (ptrdiff_t)j * s.column] = visible(i, j);
}

// pytorch 127055: NaN where the first block of keys of a row is hidden.
static bool only_the_last(size_t i, size_t j) { return i % 3 == 0 ? j == 199 : (i % 3 == 1 ? j >= 64 : j >= 128); }

TEST(regression_pytorch_127055_first_key_block_hidden) {
  const Problem problem = {.B = 1, .H = 2, .G = 1, .Nq = 70, .Nk = 200, .D = 32, .E = 32, .masks = MaskBoolean, .stream = 9001};
  Built built = build(&problem);
  set_boolean(&built, only_the_last);
  check_accuracy(NULL, &built);
  built_free(&built);
}

// pytorch 141128: a NaN in the input comes out as zeros.
TEST(regression_pytorch_141128_nan_is_not_zero) {
  const Problem problem = {.B = 1, .H = 1, .G = 1, .Nq = 20, .Nk = 80, .D = 16, .E = 16, .stream = 9002};
  for (int which = 0; which < 3; which++) {
    Built built = build(&problem);
    const Operand *x = ((Operand *[3]){&built.query, &built.key, &built.value})[which];
    for (size_t i = 0; i < x->size[2]; i++)
      for (size_t d = 0; d < 16; d++) *at(x, 0, 0, i, d) = NAN;
    FOR_EACH_ARM(arm, &built) {
      Result result = run_arm(arm, &built, false);
      for (size_t i = 0; i < result.outputs; i++) CHECK_MESSAGE(isnan(result.output[i]), "%s: operand %d", arm->name, which);
      result_free(&result);
    }
    built_free(&built);
  }
}

// pytorch 101967: NaN in keys that are masked leaks into the output (0 * NaN).
static bool not_the_third(size_t i, size_t j) { return j != 3 && j % 16 != 15 && (i + j) % 64 != 0; }

TEST(regression_pytorch_101967_nan_in_masked_keys) {
  const Problem problem = {.B = 1, .H = 1, .G = 1, .Nq = 64, .Nk = 128, .D = 16, .E = 16, .masks = MaskBoolean, .stream = 9003};
  Built built = build(&problem), poisoned = build(&problem);
  set_boolean(&built, not_the_third);
  set_boolean(&poisoned, not_the_third);
  for (size_t j = 0; j < 128; j++) {
    if (j != 3 && j % 16 != 15) continue;
    poison_floats(at(&poisoned.key, 0, 0, j, 0), 16);
    poison_floats(at(&poisoned.value, 0, 0, j, 0), 16);
  }
  FOR_EACH_ARM(arm, &built) {
    Result a = run_arm(arm, &built, false), b = run_arm(arm, &poisoned, false);
    check_same_bits(arm, &built, &a, &b, "NaN in masked keys");
    result_free(&a);
    result_free(&b);
  }
  built_free(&built);
  built_free(&poisoned);
}

// pytorch 187503: wrong for an inner stride other than 1. 112577: wrong for keys of stride 0.
TEST(regression_pytorch_187503_inner_stride) {
  const Problem problem = {.B = 2, .H = 2, .G = 2, .Nq = 65, .Nk = 129, .D = 33, .E = 34, .layout = LayoutTransposed, .stream = 9004};
  check_problem(&problem);
}

TEST(regression_pytorch_112577_stride_zero_keys) {
  const Problem problem = {.B = 2, .H = 4, .G = 2, .Nq = 65, .Nk = 129, .D = 32, .E = 32, .layout = LayoutShared, .stream = 9005};
  Built built = build(&problem);
  check_accuracy(NULL, &built);
  built.shape.key.row = built.shape.value.row = 0;
  check_accuracy(NULL, &built);
  built.shape.key.column = 0;
  check_accuracy(NULL, &built);
  built_free(&built);
}

// flashinfer 4267: a finite sentinel for the running maximum, so that a row of very low scores counts as one that sees nothing.
TEST(regression_flashinfer_4267_no_finite_sentinel) {
  static const float lows[] = {-1e4f, -5e4f, -1e9f, -1e30f, -1e38f, -FLT_MAX};
  for (size_t l = 0; l < sizeof lows / sizeof lows[0]; l++) {
    const Problem problem = {
        .B = 1, .H = 1, .G = 1, .Nq = 5, .Nk = 64, .D = 8, .E = 8, .family = FamilyIntegers, .masks = MaskAdditive, .stream = 9006};
    Built built = build(&problem);
    for (size_t i = 0; i < 5; i++) {
      for (size_t d = 0; d < 8; d++) *at(&built.query, 0, 0, i, d) = 0;
      for (size_t j = 0; j < 64; j++) *at(&built.additive, 0, 0, i, j) = lows[l];
    }
    FOR_EACH_ARM(arm, &built) {
      Result result = run_arm(arm, &built, false);
      for (size_t o = 0; o < result.outputs; o++) {
        double sum = 0;
        for (size_t j = 0; j < 64; j++) sum += (double)*at(&built.value, 0, 0, j, o % 8);
        CHECK_MESSAGE((double)result.output[o] == sum / 64, "%s: scores of %g give %g, not %g", arm->name, (double)lows[l],
                      (double)result.output[o], sum / 64);
      }
      result_free(&result);
    }
    built_free(&built);
  }
}

// oneDNN 5717: the tail of K reads its neighbour's NaN. BLIS 635, 460, 203: reads past the end. (Every run here is between guard pages.)
TEST(regression_onednn_5717_tails_beside_nan) {
  for (size_t tail = 1; tail < 17; tail++) {
    const Problem problem = {.B = 2,
                             .H = 2,
                             .G = 2,
                             .Nq = 64 + tail,
                             .Nk = 64 + tail,
                             .D = 32 + tail,
                             .E = 16 + tail,
                             .layout = tail % 2 ? LayoutPadded : LayoutPacked,
                             .stream = 9100 + tail};
    check_problem(&problem);
  }
}

// OpenBLAS 746: the workspace of an earlier, larger call shows in a later one.
TEST(regression_openblas_746_workspace_of_an_earlier_call) {
  const Problem small = {.B = 1, .H = 1, .G = 1, .Nq = 3, .Nk = 5, .D = 7, .E = 6, .stream = 9200};
  const Problem large = {.B = 1, .H = 2, .G = 1, .Nq = 300, .Nk = 700, .D = 128, .E = 128, .stream = 9201};
  Built a = build(&small), b = build(&large);
  for (size_t j = 0; j < 700; j++)
    for (size_t e = 0; e < 128; e++) *at(&b.value, 0, 0, j, e) = NAN;
  FOR_EACH_ARM(arm, &a) {
    Result before = run_arm(arm, &a, false), between = run_arm(arm, &b, false), after = run_arm(arm, &a, false);
    check_same_bits(arm, &a, &before, &after, "before and after a large call of NaN");
    result_free(&before);
    result_free(&between);
    result_free(&after);
  }
  built_free(&a);
  built_free(&b);
}
