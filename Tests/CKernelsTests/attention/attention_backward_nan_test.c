// What is hidden has no effect, NaN and infinity included; what is seen shows.

#include <math.h>

#include "attention_backward_support.h"

// Queries and keys of even and of odd index see their own kind alone, so that no gradient of one kind may know of the other; a few rows see
// nothing.
static bool same_kind(size_t i, size_t j) { return i % 2 == j % 2 && i % 17 != 16; }

static BackwardBuilt build_kinds(unsigned mask, float dropout, uint64_t stream) {
  const BackwardProblem problem = {.forward = {.B = 1,
                                               .H = 2,
                                               .G = 1,
                                               .Nq = 90,
                                               .Nk = 150,
                                               .D = 20,
                                               .E = 36,
                                               .masks = mask,
                                               .causal_offset = 60,
                                               .dropout = dropout,
                                               .stream = stream}};
  BackwardBuilt built = build_backward(&problem);
  const HeedAttentionStrides t = built.shape.forward.boolean;
  for (size_t h = 0; h < 2; h++)
    for (size_t i = 0; i < 90; i++)
      for (size_t j = 0; j < 150; j++) {
        if (mask & MaskBoolean)
          built.forward.boolean[(ptrdiff_t)h * t.head + (ptrdiff_t)i * t.row + (ptrdiff_t)j * t.column] = same_kind(i, j);
        if (mask & MaskAdditive) *at(&built.forward.additive, 0, h, i, j) = same_kind(i, j) ? (float)(i % 5) - 2 : -INFINITY;
      }
  run_forward(&built);
  return built;
}

// Rows of gradient k that belong to even queries or keys: bits as before; and of odd ones, whether any is NaN.
static void check_kinds(const BackwardArm *arm, const Gradients *clean, const Gradients *spoilt, const char *what, bool shows) {
  bool seen = false;
  for (int k = 0; k < 3; k++) {
    const size_t columns = clean->columns[k], length = k == 0 ? 90 : 150;
    for (size_t row = 0; row < clean->count[k] / columns; row++) {
      const size_t index = row % length;
      if (index % 2 == 0 || (k == 0 && index % 17 == 16))
        CHECK_MESSAGE(differing_floats(clean->data[k] + row * columns, spoilt->data[k] + row * columns, columns, NULL) == 0,
                      "%s: %s changes row %zu of %s, which does not see it", arm->name, what, row, gradient_names[k]);
      else
        for (size_t c = 0; c < columns; c++) seen = seen || isnan(spoilt->data[k][row * columns + c]);
    }
  }
  CHECK_MESSAGE(seen == shows, "%s: %s %s", arm->name, what, shows ? "shows nowhere" : "shows");
}

// pytorch 101967 (NaN in masked keys leaks), backward, for keys, values, queries and gradients of the output.
TEST(attention_backward_hides_nan_from_what_does_not_see_it) {
  static const unsigned masks[] = {MaskBoolean, MaskAdditive, MaskBoolean | MaskCausal};
  static const char *const names[] = {"a query", "a key", "a value", "dO"};
  for (size_t m = 0; m < 3; m++)
    for (int infinite = 0; infinite < 2; infinite++)
      for (size_t what = 0; what < 4; what++) {
        BackwardBuilt built = build_kinds(masks[m], m == 1 ? 0.3f : 0, 6700 + m);
        FOR_EACH_BACKWARD_ARM(arm) {
          run_forward(&built);
          Gradients clean = run_backward(arm, &built, WantQuery | WantKey | WantValue);
          Operand *const operands[] = {&built.forward.query, &built.forward.key, &built.forward.value, &built.d_output};
          float *const spot = at(operands[what], 0, 0, 65, 5), before = *spot;
          *spot = infinite ? INFINITY : NAN;
          run_forward(&built);
          Gradients spoilt = run_backward(arm, &built, WantQuery | WantKey | WantValue);
          check_kinds(arm, &clean, &spoilt, names[what], true);
          *spot = before;
          gradients_free(&clean);
          gradients_free(&spoilt);
        }
        backward_free(&built);
      }
}

// A row that sees nothing has the gradient zero and adds nothing to any other, whatever it holds.
TEST(attention_backward_of_a_row_that_sees_nothing_is_zero) {
  static const unsigned masks[] = {MaskBoolean, MaskAdditive};
  for (size_t m = 0; m < 2; m++) {
    BackwardBuilt built = build_kinds(masks[m], 0, 6800 + m);
    FOR_EACH_BACKWARD_ARM(arm) {
      Gradients clean = run_backward(arm, &built, WantQuery | WantKey | WantValue);
      BackwardBuilt spoilt = build_kinds(masks[m], 0, 6800 + m);
      for (size_t h = 0; h < 2; h++)
        for (size_t i = 16; i < 90; i += 17) {
          *at(&spoilt.forward.query, 0, h, i, 3) = NAN;
          *at(&spoilt.d_output, 0, h, i, 4) = -INFINITY;
          for (size_t d = 0; d < 20; d++) CHECK(clean.data[0][(h * 90 + i) * 20 + d] == 0);
        }
      run_forward(&spoilt);
      Gradients result = run_backward(arm, &spoilt, WantQuery | WantKey | WantValue);
      check_same_gradients(arm, &built, &clean, &result, "NaN in rows that see nothing");
      gradients_free(&clean);
      gradients_free(&result);
      backward_free(&spoilt);
    }
    backward_free(&built);
  }
}

// Keys behind the length and keys that causality hides from every row may hold anything.
TEST(attention_backward_ignores_keys_that_no_row_sees) {
  for (int causal = 0; causal < 2; causal++) {
    const BackwardProblem problem = {.forward = {.B = 1,
                                                 .H = 2,
                                                 .G = 2,
                                                 .Nq = 70,
                                                 .Nk = 200,
                                                 .D = 16,
                                                 .E = 16,
                                                 .masks = causal ? MaskCausal : MaskLengths,
                                                 .causal_offset = 20,
                                                 .stream = 6900}};
    BackwardBuilt built = build_backward(&problem);
    const size_t end = causal ? 90 : (size_t)built.forward.lengths[0];
    FOR_EACH_BACKWARD_ARM(arm) {
      Gradients clean = run_backward(arm, &built, WantAll);
      for (size_t h = 0; h < 2; h++)
        for (size_t j = end; j < 200; j++)
          for (size_t d = 0; d < 16; d++) *at(&built.forward.key, 0, h, j, d) = NAN, *at(&built.forward.value, 0, h, j, d) = INFINITY;
      run_forward(&built);
      Gradients result = run_backward(arm, &built, WantAll);
      check_same_gradients(arm, &built, &clean, &result, "NaN in keys that no row sees");
      gradients_free(&clean);
      gradients_free(&result);
    }
    backward_free(&built);
  }
}

// Huge scores, saturated masks: L cannot hold what P needs, and the gradients are right all the same.
TEST(attention_backward_of_rows_beyond_what_their_log_sum_exp_holds) {
  for (int lowest = 0; lowest < 2; lowest++) {
    BackwardBuilt built = build_backward(&(BackwardProblem){
        .forward = {.B = 1, .H = 1, .G = 1, .Nq = 40, .Nk = 100, .D = 16, .E = 8, .masks = MaskAdditive, .stream = 7000}});
    for (size_t i = 0; i < 40; i++)
      for (size_t j = 0; j < 100; j++) *at(&built.forward.additive, 0, 0, i, j) = i % 2 ? (lowest ? -3.4e38f : -1e5f) : 0;
    run_forward(&built);
    OracleGradients oracle = run_backward_oracle(&built);
    Gradients result = run_backward(TILED_BACKWARD, &built, WantAll);
    // Scores of -1e5 are themselves rounded to 2^-7: P errs by as much.
    const double allowed = lowest ? 1e-5 : 0.02;
    for (int k = 0; k < 3; k++) {
      const Errors errors = compare_rows(result.data[k], oracle.data[k], result.count[k] / result.columns[k], result.columns[k]);
      CHECK_MESSAGE(errors.normwise <= allowed, "N of %s is %g", gradient_names[k], errors.normwise);
    }
    gradients_free(&result);
    oracle_gradients_free(&oracle);
    backward_free(&built);
  }
}
