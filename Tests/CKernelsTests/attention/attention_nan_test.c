// NaN and infinity: what is hidden has no effect, bit for bit; what is seen reaches exactly the rows that see it.

#include <math.h>

#include "attention_support.h"

static Problem problem_with(unsigned masks, Layout layout, uint64_t stream) {
  return (Problem){.B = 2,
                   .H = 4,
                   .G = 2,
                   .Nq = 90,
                   .Nk = 150,
                   .D = 20,
                   .E = 19,
                   .layout = layout,
                   .masks = masks,
                   .causal_offset = 30,
                   .stream = stream};
}

// What is planted in which keys, and what the rows that see such a key must give.
typedef struct Plant {
  float value;
  bool in_key, in_value;
  size_t column; // of the one element that is replaced; SIZE_MAX: all of them
} Plant;

// First, last, both sides of a tile's edge, a tail lane; or, for an odd stream, only late ones, which a causal mask hides from many rows.
static bool is_planted(const Problem *problem, size_t j) {
  return problem->stream % 2 ? j == 63 || j == 131 : j == 0 || j == 63 || j == 64 || j == 131 || j == 149;
}

static void plant(Built *built, const Plant *plant) {
  for (size_t b = 0; b < built->problem.B; b++)
    for (size_t g = 0; g < built->problem.G; g++)
      for (size_t j = 0; j < built->problem.Nk; j++) {
        if (!is_planted(&built->problem, j)) continue;
        for (size_t d = 0; plant->in_key && d < built->problem.D; d++)
          if (plant->column == SIZE_MAX || d == plant->column) *at(&built->key, b, g, j, d) = plant->value;
        for (size_t e = 0; plant->in_value && e < built->problem.E; e++)
          if (plant->column == SIZE_MAX || e == plant->column) *at(&built->value, b, g, j, e) = plant->value;
      }
}

static void check_plant(unsigned masks, Layout layout, const Plant *what, uint64_t stream) {
  const Problem problem = problem_with(masks, layout, stream);
  Built clean = build(&problem), planted = build(&problem);
  plant(&planted, what);
  if (clean.lengths) clean.lengths[0] = planted.lengths[0] = 140; // some of the planted keys are beyond, the others not
  FOR_EACH_ARM(arm, &clean) {
    Result before = run_arm(arm, &clean, false), after = run_arm(arm, &planted, false);
    size_t hit = 0, spared = 0;
    for (size_t row = 0; row < before.rows; row++) {
      const size_t b = row / (problem.H * problem.Nq), h = row / problem.Nq % problem.H, i = row % problem.Nq;
      bool sees = false;
      for (size_t j = 0; j < problem.Nk; j++) sees |= is_planted(&problem, j) && row_sees(&clean, b, h, i, j);
      for (size_t e = 0; e < problem.E; e++) {
        const size_t index = row * problem.E + e;
        const bool reached = sees && (what->in_key || what->column == SIZE_MAX || e == what->column);
        if (reached) {
          hit++;
          CHECK_MESSAGE(isnan(what->value) ? isnan(after.output[index]) : !isfinite(after.output[index]),
                        "%s: row %zu column %zu sees %g and gives %g: %s", arm->name, row, e, (double)what->value,
                        (double)after.output[index], describe(&problem));
        } else {
          spared++;
          CHECK_MESSAGE(differing_floats(&before.output[index], &after.output[index], 1, NULL) == 0,
                        "%s: row %zu column %zu does not see %g, yet changes from %g to %g: %s", arm->name, row, e, (double)what->value,
                        (double)before.output[index], (double)after.output[index], describe(&problem));
        }
      }
      if (!sees || !what->in_key) CHECK(differing_floats(&before.log_sum_exp[row], &after.log_sum_exp[row], 1, NULL) == 0);
      if (sees && what->in_key && isnan(what->value)) CHECK(isnan(after.log_sum_exp[row]));
    }
    CHECK(hit > 0);
    if (masks != MaskCausal || problem.stream % 2) CHECK(spared > 0);
    result_free(&before);
    result_free(&after);
  }
  built_free(&clean);
  built_free(&planted);
}

static const unsigned mask_sets[] = {
    MaskCausal, MaskLengths, MaskBoolean, MaskAdditive, MaskCausal | MaskBoolean, MaskLengths | MaskAdditive | MaskBoolean};

TEST(attention_nan_in_keys_reaches_exactly_the_rows_that_see_it) {
  for (size_t m = 0; m < sizeof mask_sets / sizeof mask_sets[0]; m++) {
    const Plant all = {NAN, true, false, SIZE_MAX}, last = {NAN, true, false, 19}, first = {NAN, true, false, 0};
    check_plant(mask_sets[m], LayoutContiguous, &all, 6000 + m);
    check_plant(mask_sets[m], LayoutContiguous, &all, 6001 + m);
    check_plant(mask_sets[m], LayoutTransposed, &last, 6010 + m);
    check_plant(mask_sets[m], LayoutInterleaved, &first, 6020 + m);
  }
}

TEST(attention_nan_in_values_reaches_exactly_the_rows_that_see_it) {
  for (size_t m = 0; m < sizeof mask_sets / sizeof mask_sets[0]; m++) {
    const Plant all = {NAN, false, true, SIZE_MAX}, last = {NAN, false, true, 18}, middle = {NAN, false, true, 7};
    check_plant(mask_sets[m], LayoutPadded, &all, 6100 + m);
    check_plant(mask_sets[m], LayoutPadded, &all, 6101 + m);
    check_plant(mask_sets[m], LayoutContiguous, &last, 6110 + m);
    check_plant(mask_sets[m], LayoutTransposed, &middle, 6120 + m);
  }
}

TEST(attention_infinity_in_values_reaches_exactly_the_rows_that_see_it) {
  for (size_t m = 0; m < sizeof mask_sets / sizeof mask_sets[0]; m++) {
    const Plant positive = {INFINITY, false, true, SIZE_MAX}, negative = {-INFINITY, false, true, 18};
    check_plant(mask_sets[m], LayoutContiguous, &positive, 6200 + m);
    check_plant(mask_sets[m], LayoutReversed, &negative, 6210 + m);
  }
}

// All that is hidden from every row, replaced by NaN and infinity, key and value: not a bit changes, log-sum-exp included.
TEST(attention_hidden_keys_have_no_effect) {
  for (size_t m = 0; m < sizeof mask_sets / sizeof mask_sets[0]; m++)
    for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
      if (layout == LayoutShared) continue;
      Problem problem = problem_with(mask_sets[m], (Layout)layout, 6300 + m * 8 + (uint64_t)layout);
      problem.causal_offset = -10;
      Built clean = build(&problem), planted = build(&problem);
      for (size_t b = 0; b < problem.B; b++)
        for (size_t g = 0; g < problem.G; g++)
          for (size_t j = 0; j < problem.Nk; j++) {
            bool seen = false;
            for (size_t h = 2 * g; h < 2 * g + 2; h++)
              for (size_t i = 0; i < problem.Nq; i++) seen |= row_sees(&clean, b, h, i, j);
            if (seen) continue;
            for (size_t d = 0; d < problem.D; d++) *at(&planted.key, b, g, j, d) = d % 2 ? NAN : INFINITY;
            for (size_t e = 0; e < problem.E; e++) *at(&planted.value, b, g, j, e) = e % 2 ? -INFINITY : NAN;
          }
      FOR_EACH_ARM(arm, &clean) {
        Result before = run_arm(arm, &clean, arm->gives_weights), after = run_arm(arm, &planted, arm->gives_weights);
        check_same_bits(arm, &clean, &before, &after, "NaN where no row looks");
        result_free(&before);
        result_free(&after);
      }
      built_free(&clean);
      built_free(&planted);
    }
}

// A NaN in a query is its row's own: the rows beside it, which share its vector, are not touched.
TEST(attention_nan_in_a_query_stays_in_its_row) {
  static const size_t rows[] = {0, 7, 15, 16, 63, 64, 89};
  static const float bad[] = {NAN, INFINITY};
  for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
    const Problem problem = problem_with(r % 2 ? MaskBoolean : MaskNone, LayoutContiguous, 6400 + r);
    Built clean = build(&problem), planted = build(&problem);
    *at(&planted.query, 1, 2, rows[r], r % 20) = bad[r % 2];
    FOR_EACH_ARM(arm, &clean) {
      Result before = run_arm(arm, &clean, false), after = run_arm(arm, &planted, false);
      const size_t row = (1 * 4 + 2) * 90 + rows[r];
      bool sees = false;
      for (size_t j = 0; j < problem.Nk; j++) sees |= row_sees(&clean, 1, 2, rows[r], j);
      if (sees) {
        for (size_t e = 0; e < problem.E; e++) CHECK(isnan(after.output[row * problem.E + e]));
        for (size_t e = 0; e < problem.E; e++) after.output[row * problem.E + e] = before.output[row * problem.E + e];
        after.log_sum_exp[row] = before.log_sum_exp[row];
      }
      check_same_bits(arm, &clean, &before, &after, "NaN in another row's query");
      result_free(&before);
      result_free(&after);
    }
    built_free(&clean);
    built_free(&planted);
  }
}

// NaN and plus infinity in the additive mask are seen scores.
TEST(attention_nan_in_the_additive_mask_reaches_its_row) {
  static const float bad[] = {NAN, INFINITY};
  for (size_t k = 0; k < 2; k++) {
    const Problem problem = problem_with(MaskAdditive, LayoutContiguous, 6500 + k);
    Built clean = build(&problem), planted = build(&problem);
    *at(&planted.additive, 1, 3, 50, 149) = bad[k];
    *at(&planted.additive, 0, 0, 0, 0) = bad[k];
    FOR_EACH_ARM(arm, &clean) {
      Result before = run_arm(arm, &clean, false), after = run_arm(arm, &planted, false);
      const size_t rows[2] = {(1 * 4 + 3) * 90 + 50, 0};
      for (size_t r = 0; r < 2; r++)
        for (size_t e = 0; e < problem.E; e++) {
          CHECK_MESSAGE(isnan(after.output[rows[r] * problem.E + e]), "%s: %g in the mask gives %g", arm->name, (double)bad[k],
                        (double)after.output[rows[r] * problem.E + e]);
          after.output[rows[r] * problem.E + e] = before.output[rows[r] * problem.E + e];
          after.log_sum_exp[rows[r]] = before.log_sum_exp[rows[r]];
        }
      check_same_bits(arm, &clean, &before, &after, "NaN in another row's mask");
      result_free(&before);
      result_free(&after);
    }
    built_free(&clean);
    built_free(&planted);
  }
}

// A NaN is seen even where its weight has underflowed to 0: leaving out what weighs nothing would hide it.
TEST(attention_nan_in_a_value_of_no_weight_is_seen) {
  const Problem problem = {.B = 1, .H = 1, .G = 1, .Nq = 40, .Nk = 200, .D = 8, .E = 9, .scale = 1, .stream = 6600};
  Built built = build(&problem);
  for (size_t i = 0; i < 40; i++)
    for (size_t d = 0; d < 8; d++) *at(&built.query, 0, 0, i, d) = d == 0 ? 1 : 0;
  for (size_t j = 0; j < 200; j++) *at(&built.key, 0, 0, j, 0) = j == 70 ? 400 : 0;
  *at(&built.value, 0, 0, 5, 2) = *at(&built.value, 0, 0, 199, 8) = NAN;
  FOR_EACH_ARM(arm, &built) {
    Result result = run_arm(arm, &built, false);
    for (size_t o = 0; o < result.outputs; o++)
      CHECK_MESSAGE(isnan(result.output[o]) == (o % 9 == 2 || o % 9 == 8), "%s: output %zu is %g", arm->name, o, (double)result.output[o]);
    result_free(&result);
  }
  built_free(&built);
}
