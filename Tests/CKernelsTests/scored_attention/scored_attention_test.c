// Additive and multiplicative attention against the float64 reference: shapes, layouts, lengths, subsets of gradients, families of numbers.

#include <math.h>
#include <stdlib.h>

#include "scored_attention_support.h"

static void hold(const ScoredProblem *p, double bound) {
  ScoredBuilt built = scored_build(p);
  ScoredResults results = scored_run(&built, scored_all(p));
  scored_check(&built, &results, bound);
  scored_results_free(&results);
  scored_free(&built);
}

TEST(scored_attention_agrees_with_the_oracle) {
  static const size_t sizes[] = {1, 2, 3, 7, 8, 15, 16, 17, 33, 64, 65, 70};
  const int cases = test_exhaustive ? 4000 : 150;
  for (int c = 0; c < cases && test_failures() < 10; c++) {
    Random r = random_stream(700 + (uint64_t)c);
    ScoredProblem p = {.score = (HeedScoredAttentionScore)(c % 3), .B = 1 + random_below(&r, 4), .N = sizes[random_below(&r, 7)]};
    p.T = sizes[random_below(&r, 10)], p.Hq = sizes[random_below(&r, 9)], p.E = sizes[random_below(&r, 9)];
    p.Hk = p.score == HeedScoredAttentionScoreDot ? p.Hq : sizes[random_below(&r, 9)];
    p.A = sizes[random_below(&r, 12)];
    p.lengths = random_below(&r, 3) > 0, p.prepared = random_below(&r, 3) == 0, p.accumulate = random_below(&r, 3) == 0;
    p.without_d_output = random_below(&r, 6) == 0, p.without_d_weights = random_below(&r, 3) == 0;
    p.layout = (ScoredLayout)random_below(&r, SCORED_LAYOUT_COUNT);
    p.stream = 100 + (uint64_t)c * 11;
    hold(&p, 40);
  }
}

// Nothing at all of each kind.
TEST(scored_attention_of_nothing) {
  for (int s = 0; s < 3; s++)
    for (int which = 0; which < 6; which++) {
      ScoredProblem p = {.score = (HeedScoredAttentionScore)s, .B = 2, .N = 3, .T = 4, .Hq = 5, .Hk = 5, .E = 6, .A = 7, .stream = 90};
      size_t *const zero[] = {&p.B, &p.N, &p.T, &p.Hk, &p.E, &p.A};
      *zero[which] = 0;
      if (which == 3) p.Hq = 0;
      hold(&p, 8);
    }
}

// Each subset of gradients gives the bits that all of them give.
TEST(scored_attention_gives_any_subset_of_gradients) {
  for (int s = 0; s < 3; s++)
    for (int prepared = 0; prepared < 2; prepared++) {
      const ScoredProblem p = {.score = (HeedScoredAttentionScore)s,
                               .B = 3,
                               .N = 4,
                               .T = 9,
                               .Hq = 12,
                               .Hk = 12,
                               .E = 10,
                               .A = 21,
                               .lengths = true,
                               .prepared = prepared != 0,
                               .stream = 300};
      ScoredBuilt built = scored_build(&p);
      const unsigned all = scored_all(&p);
      ScoredResults whole = scored_run(&built, all);
      for (unsigned wanted = 0; wanted < 1u << SCORED_RESULT_COUNT; wanted += 4) {
        if (wanted & ~all) continue;
        ScoredResults some = scored_run(&built, wanted);
        scored_check_same(&built, &whole, &some, "a subset");
        scored_results_free(&some);
      }
      scored_results_free(&whole);
      scored_free(&built);
    }
}

TEST(scored_attention_prepared_keys_give_the_same_bits) {
  ScoredProblem p = {.score = HeedScoredAttentionScoreAdditive,
                     .B = 4,
                     .N = 3,
                     .T = 20,
                     .Hq = 17,
                     .Hk = 24,
                     .E = 24,
                     .A = 70,
                     .lengths = true,
                     .stream = 400};
  ScoredBuilt plain = scored_build(&p);
  ScoredResults whole = scored_run(&plain, scored_all(&p));
  p.prepared = true;
  ScoredBuilt built = scored_build(&p);
  ScoredResults prepared = scored_run(&built, scored_all(&p));
  scored_check_same(&plain, &whole, &prepared, "prepared keys");
  scored_results_free(&whole), scored_results_free(&prepared);
  scored_free(&plain), scored_free(&built);
}

// From where tanh is a straight line to where it is a step: all three ways, and pairs of rows of different ways.
TEST(scored_attention_keeps_its_accuracy_at_every_scale) {
  static const double scales[] = {0x1p-60, 0x1p-20, 1e-3, 0.03, 0.08, 0.3, 1, 3, 6, 9, 12, 30, 100, 1e6, 0x1p60};
  for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
    ScoredProblem p = {.score = HeedScoredAttentionScoreAdditive,
                       .B = 3,
                       .N = 5,
                       .T = 19,
                       .Hq = 16,
                       .Hk = 16,
                       .E = 8,
                       .A = 48,
                       .scale = scales[i],
                       .stream = 500};
    ScoredBuilt built = scored_build(&p);
    // A query and some keys of another size.
    for (size_t h = 0; h < p.Hq; h++) {
      *scored_at(&built.query, 0, 1, h) *= 0.01f, *scored_at(&built.query, 1, 2, h) *= 20;
      for (size_t j = 0; j < p.T; j += 3) *scored_at(&built.key, 1, j, h) *= j % 2 ? 0.02f : 10;
    }
    // The gradient of a query is all but cancelled where tanh is all but straight, in float64 too; far out, derivatives are e^-2|x| of an x
    // that float32 does not hold.
    const unsigned outputs = 1u << ScoredOutput | 1u << ScoredWeights | 1u << ScoredValue;
    const unsigned cancelled = scales[i] < 1e-4 ? 1u << ScoredQuery | 1u << ScoredQueryWeight : 0;
    ScoredResults results = scored_run(&built, scales[i] > 100 ? outputs : scored_all(&p) & ~cancelled);
    // Projections of size s come from the products with an error of a few eps s, which the derivative of a
    // step of tanh doubles.
    scored_check(&built, &results, 100 + 10 * fmin(scales[i], 100));
    scored_results_free(&results);
    scored_free(&built);
  }
}

// Scores near 88 and 150: softmax by its largest.
TEST(scored_attention_takes_large_scores) {
  for (int s = 0; s < 3; s++)
    for (int size = 0; size < 2; size++) {
      const double largest = size ? 150 : 88;
      ScoredProblem p = {.score = (HeedScoredAttentionScore)s,
                         .B = 2,
                         .N = 6,
                         .T = 40,
                         .Hq = 32,
                         .Hk = 32,
                         .E = 16,
                         .A = 32,
                         .lengths = true,
                         .stream = 600};
      p.scale = s == HeedScoredAttentionScoreAdditive ? 1 : sqrt(largest / (s == HeedScoredAttentionScoreDot ? 12 : 2));
      ScoredBuilt built = scored_build(&p);
      for (size_t a = 0; a < p.A; a++) *scored_at(&built.score_weight, 0, 0, a) *= (float)(largest / 3);
      // The gradients of scores of a row with one weight of all but 1 are differences of what float32 holds of that weight: finite, no
      // more.
      ScoredResults results = scored_run(&built, 1u << ScoredOutput | 1u << ScoredWeights | 1u << ScoredValue),
                    all = scored_run(&built, scored_all(&p));
      scored_check(&built, &results, 8 + largest / 3);
      for (int r = 0; r < SCORED_RESULT_COUNT; r++)
        for (size_t i = 0; all.of[r] && i < scored_result_count(&p, (ScoredResult)r); i++) CHECK(isfinite(all.of[r][i]));
      scored_results_free(&all);
      scored_results_free(&results);
      scored_free(&built);
    }
}

// A NaN that is seen reaches the rows that see it, and no other output.
TEST(scored_attention_passes_nan_on_to_who_sees_it) {
  for (int s = 0; s < 3; s++) {
    const ScoredProblem p = {
        .score = (HeedScoredAttentionScore)s, .B = 3, .N = 4, .T = 18, .Hq = 20, .Hk = 20, .E = 17, .A = 33, .stream = 800};
    ScoredBuilt built = scored_build(&p);
    ScoredResults clean = scored_run(&built, 3);
    *scored_at(&built.query, 1, 2, 19) = NAN;
    *scored_at(&built.key, 2, 17, 0) = NAN;
    *scored_at(&built.value, 0, 3, 16) = NAN;
    ScoredResults dirty = scored_run(&built, scored_all(&p));
    for (size_t b = 0; b < p.B; b++)
      for (size_t i = 0; i < p.N; i++) {
        const size_t row = b * p.N + i;
        const bool row_is_nan = (b == 1 && i == 2) || b == 2;
        for (size_t e = 0; e < p.E; e++) {
          const float x = dirty.of[ScoredOutput][row * p.E + e];
          CHECK(row_is_nan || (b == 0 && e == 16) ? isnan(x) : x == clean.of[ScoredOutput][row * p.E + e]);
        }
        for (size_t j = 0; j < p.T; j++) {
          const float x = dirty.of[ScoredWeights][row * p.T + j];
          CHECK(row_is_nan ? isnan(x) : x == clean.of[ScoredWeights][row * p.T + j]);
        }
        for (size_t h = 0; h < p.Hq && b == 1 && i != 2; h++) CHECK(!isnan(dirty.of[ScoredQuery][row * p.Hq + h]));
      }
    scored_results_free(&clean), scored_results_free(&dirty);
    scored_free(&built);
  }
}

// The reference's gradients against central differences of its own forward pass.
TEST_ONCE(scored_attention_reference_gradients_are_differences) {
  for (int s = 0; s < 3; s++) {
    ScoredProblem p = {.score = (HeedScoredAttentionScore)s, .B = 2, .N = 2, .T = 5, .Hq = 4, .Hk = 4, .E = 3, .A = 6, .stream = 900};
    ScoredBuilt x = scored_build(&p);
    const struct {
      ScoredResult result;
      float *data;
    } inputs[] = {{ScoredQuery, x.query.first},
                  {ScoredKey, x.key.first},
                  {ScoredValue, x.value.first},
                  {ScoredWeight, x.weight.first},
                  {ScoredQueryWeight, x.query_weight.first},
                  {ScoredKeyWeight, x.key_weight.first},
                  {ScoredScoreWeight, x.score_weight.first}};
    double output[2 * 2 * 3], weights[2 * 2 * 5], gradient[64];
    const HeedScoredAttentionReference forward = {.output = output, .weights = weights};
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
      if (!(scored_all(&p) >> inputs[i].result & 1)) continue;
      HeedScoredAttentionReference backward = {0};
      double **const wanted[] = {[ScoredQuery] = &backward.d_query,
                                 [ScoredKey] = &backward.d_key,
                                 [ScoredValue] = &backward.d_value,
                                 [ScoredWeight] = &backward.d_weight,
                                 [ScoredQueryWeight] = &backward.d_query_weight,
                                 [ScoredKeyWeight] = &backward.d_key_weight,
                                 [ScoredScoreWeight] = &backward.d_score_weight};
      *wanted[inputs[i].result] = gradient;
      CHECK(heed_scored_attention_reference(&x.shape, &x.inputs, &x.d_outputs, &backward) == HeedStatusOk);
      for (size_t k = 0; k < scored_result_count(&p, inputs[i].result); k++) {
        const float kept = inputs[i].data[k], step = 0x1p-9f;
        double difference = 0;
        for (int side = -1; side <= 1; side += 2) {
          inputs[i].data[k] = kept + (float)side * step;
          CHECK(heed_scored_attention_reference(&x.shape, &x.inputs, NULL, &forward) == HeedStatusOk);
          double value = 0;
          for (size_t e = 0; e < 12; e++) value += output[e] * (double)x.d_output.first[e];
          for (size_t j = 0; j < 20; j++) value += weights[j] * (double)x.d_weights.first[j];
          difference += side * value / (((double)kept + (double)step) - ((double)kept - (double)step));
        }
        inputs[i].data[k] = kept;
        CHECK_MESSAGE(fabs(difference - gradient[k]) <= 1e-4 * (1 + fabs(gradient[k])), "score %d, %s, element %zu: %g, slope %g", s,
                      scored_result_names[inputs[i].result], k, gradient[k], difference);
      }
    }
    scored_free(&x);
  }
}
