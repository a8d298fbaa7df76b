// Additive and multiplicative attention: the same bits for any number of threads, for a sequence or a query alone, padded or not, run after
// run; what is refused.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scored_attention_support.h"

static const ScoredProblem problems[] = {
    {.B = 3, .N = 5, .T = 40, .Hq = 32, .Hk = 32, .E = 24, .A = 70, .lengths = true, .stream = 2000},
    {.B = 1, .N = 150, .T = 70, .Hq = 16, .Hk = 16, .E = 16, .A = 100, .layout = ScoredPadded, .stream = 2100},
    {.B = 20, .N = 1, .T = 20, .Hq = 48, .Hk = 48, .E = 48, .A = 130, .lengths = true, .stream = 2200},
};
#define PROBLEMS (sizeof problems / sizeof problems[0])

TEST(scored_attention_threads_do_not_change_a_bit) {
  static const size_t threads[] = {2, 3, 5, 8};
  for (size_t c = 0; c < PROBLEMS * 3; c++) {
    ScoredProblem p = problems[c / 3];
    p.score = (HeedScoredAttentionScore)(c % 3);
    ScoredBuilt built = scored_build(&p);
    CHECK(heed_thread_count_set(1) == HeedStatusOk);
    ScoredResults expected = scored_run(&built, scored_all(&p));
    for (size_t t = 0; t < 4; t++) {
      CHECK(heed_thread_count_set(threads[t]) == HeedStatusOk);
      ScoredResults results = scored_run(&built, scored_all(&p));
      scored_check_same(&built, &expected, &results, "1 thread and more");
      scored_results_free(&results);
    }
    CHECK(heed_thread_count_set(0) == HeedStatusOk);
    scored_results_free(&expected);
    scored_free(&built);
  }
}

// Rows [first, first + rows) of sequence b of a result that has one row of `columns` each.
static void check_rows(const ScoredResults *whole, size_t at, const ScoredResults *part, ScoredResult r, size_t count, const char *what) {
  CHECK_MESSAGE(differing_floats(whole->of[r] + at, part->of[r], count, NULL) == 0, "%s: %s", what, scored_result_names[r]);
}

// A sequence alone, without what its length hides, against the batch, which is padded with NaN: outputs and the gradients of inputs.
TEST(scored_attention_sequence_alone_unpadded_has_the_same_bits) {
  for (size_t c = 0; c < PROBLEMS * 3; c++) {
    ScoredProblem p = problems[c / 3];
    p.score = (HeedScoredAttentionScore)(c % 3);
    p.without_d_weights = true; // its rows are as long as the padded sequence
    ScoredBuilt built = scored_build(&p);
    ScoredResults whole = scored_run(&built, scored_all(&p));
    for (size_t b = 0; b < p.B; b++) {
      ScoredBuilt one = built;
      const size_t length = built.lengths ? (size_t)built.lengths[b] : p.T;
      one.problem.B = one.shape.batch = 1;
      one.problem.T = one.shape.key_length = length;
      one.inputs.lengths = NULL;
      one.inputs.query = scored_at(&built.query, b, 0, 0), one.inputs.key = scored_at(&built.key, b, 0, 0);
      one.inputs.value = scored_at(&built.value, b, 0, 0), one.d_outputs.d_output = scored_at(&built.d_output, b, 0, 0);
      ScoredResults part = scored_run(&one, scored_all(&p));
      check_rows(&whole, b * p.N * p.E, &part, ScoredOutput, p.N * p.E, "alone");
      if (length > 0) check_rows(&whole, b * p.N * p.Hq, &part, ScoredQuery, p.N * p.Hq, "alone");
      check_rows(&whole, b * p.T * p.Hk, &part, ScoredKey, length * p.Hk, "alone");
      check_rows(&whole, b * p.T * p.E, &part, ScoredValue, length * p.E, "alone");
      for (size_t i = 0; i < p.N; i++)
        CHECK(differing_floats(whole.of[ScoredWeights] + (b * p.N + i) * p.T, part.of[ScoredWeights] + i * length, length, NULL) == 0);
      for (size_t j = length * p.E; j < p.T * p.E; j++) CHECK(whole.of[ScoredValue][b * p.T * p.E + j] == 0);
      for (size_t j = length * p.Hk; j < p.T * p.Hk; j++) CHECK(whole.of[ScoredKey][b * p.T * p.Hk + j] == 0);
      scored_results_free(&part);
    }
    scored_results_free(&whole);
    scored_free(&built);
  }
}

// One query alone, as a decoder asks step by step.
TEST(scored_attention_query_alone_has_the_same_bits) {
  for (int s = 0; s < 3; s++) {
    ScoredProblem p = problems[1];
    p.score = (HeedScoredAttentionScore)s, p.prepared = true;
    ScoredBuilt built = scored_build(&p);
    ScoredResults whole = scored_run(&built, scored_all(&p));
    for (size_t i = 0; i < p.N; i += 7) {
      ScoredBuilt one = built;
      one.problem.N = one.shape.query_length = 1;
      one.inputs.query = scored_at(&built.query, 0, i, 0);
      one.d_outputs.d_output = scored_at(&built.d_output, 0, i, 0);
      one.d_outputs.d_weights += i * p.T;
      ScoredResults part = scored_run(&one, 1u << ScoredOutput | 1u << ScoredWeights | 1u << ScoredQuery);
      check_rows(&whole, i * p.E, &part, ScoredOutput, p.E, "a query alone");
      check_rows(&whole, i * p.T, &part, ScoredWeights, p.T, "a query alone");
      check_rows(&whole, i * p.Hq, &part, ScoredQuery, p.Hq, "a query alone");
      scored_results_free(&part);
    }
    scored_results_free(&whole);
    scored_free(&built);
  }
}

// Run after run with a call full of NaN between: scratch from an earlier call must not show. Steady state allocates nothing.
TEST(scored_attention_run_after_run_gives_the_same_bits) {
  for (int s = 0; s < 3; s++) {
    ScoredProblem p = problems[0], other = problems[2];
    p.score = other.score = (HeedScoredAttentionScore)s;
    ScoredBuilt built = scored_build(&p), nan = scored_build(&other);
    for (size_t b = 0; b < other.B; b++) *scored_at(&nan.query, b, 0, 0) = NAN;
    ScoredResults expected = scored_run(&built, scored_all(&p)), ignored = scored_run(&nan, scored_all(&other));
    HeedScratchStatistics before, after;
    heed_scratch_statistics(&before);
    ScoredResults again = scored_run(&built, scored_all(&p)), more = scored_run(&nan, scored_all(&other));
    heed_scratch_statistics(&after);
    scored_check_same(&built, &expected, &again, "run after run");
    CHECK(before.allocations == after.allocations);
    scored_results_free(&expected), scored_results_free(&ignored), scored_results_free(&again), scored_results_free(&more);
    scored_free(&built), scored_free(&nan);
  }
}

TEST(scored_attention_refuses_bad_arguments_and_touches_nothing) {
  const ScoredProblem p = {
      .score = HeedScoredAttentionScoreAdditive, .B = 2, .N = 3, .T = 4, .Hq = 5, .Hk = 5, .E = 6, .A = 7, .lengths = true, .stream = 91};
  ScoredBuilt x = scored_build(&p);
  float output[2 * 3 * 6], weights[2 * 3 * 4] = {0}, gradient[2 * 3 * 5];
  poison_floats(output, 36), poison_floats(gradient, 30);
  const HeedScoredAttentionOutputs out = {output, NULL};
  const HeedScoredAttentionGradients g = {.d_query = gradient};
  x.shape.output = (HeedScoredAttentionStrides){18, 6, 1};
  x.d_outputs.weights = weights;
#define REFUSES(status, field, value)                                                                                                      \
  do {                                                                                                                                     \
    const ScoredBuilt kept = x;                                                                                                            \
    field = value;                                                                                                                         \
    CHECK(heed_scored_attention_forward(&x.shape, &x.inputs, &out) == status);                                                             \
    CHECK(heed_scored_attention_backward(&x.shape, &x.inputs, &x.d_outputs, &g) == status);                                                \
    x = kept;                                                                                                                              \
  } while (0)
  REFUSES(HeedStatusBadArgument, x.shape.score, (HeedScoredAttentionScore)3);
  REFUSES(HeedStatusBadArgument, x.inputs.query, NULL);
  REFUSES(HeedStatusBadArgument, x.inputs.key, NULL);
  REFUSES(HeedStatusBadArgument, x.inputs.value, NULL);
  REFUSES(HeedStatusBadArgument, x.inputs.query_weight, NULL);
  REFUSES(HeedStatusBadArgument, x.inputs.key_weight, NULL);
  REFUSES(HeedStatusBadArgument, x.inputs.score_weight, NULL);
  REFUSES(HeedStatusBadShape, x.shape.batch, SIZE_MAX / 4);
  REFUSES(HeedStatusBadShape, x.shape.attention_dim, SIZE_MAX / 2);
  REFUSES(HeedStatusBadStride, x.shape.query.row, PTRDIFF_MAX);
  x.lengths[0] = 5;
  REFUSES(HeedStatusBadArgument, x.shape.accumulate, false);
  x.lengths[0] = -1;
  REFUSES(HeedStatusBadArgument, x.shape.accumulate, false);
  x.lengths[0] = 4;
  x.inputs.prepared_keys = weights;
  CHECK(heed_scored_attention_backward(&x.shape, &x.inputs, &x.d_outputs, &(HeedScoredAttentionGradients){.d_key = gradient}) ==
        HeedStatusBadArgument);
  x.shape.score = HeedScoredAttentionScoreDot;
  CHECK(heed_scored_attention_forward(&x.shape, &x.inputs, &out) == HeedStatusBadArgument);
  x.inputs.prepared_keys = NULL, x.shape.query_dim = 4;
  CHECK(heed_scored_attention_forward(&x.shape, &x.inputs, &out) == HeedStatusBadShape);
  x.shape.query_dim = 5, x.shape.output.row = 5;
  CHECK(heed_scored_attention_forward(&x.shape, &x.inputs, &out) == HeedStatusBadStride);
  x.shape.output.row = 6;
  CHECK(heed_scored_attention_forward(NULL, &x.inputs, &out) == HeedStatusBadArgument);
  CHECK(heed_scored_attention_forward(&x.shape, NULL, &out) == HeedStatusBadArgument);
  CHECK(heed_scored_attention_forward(&x.shape, &x.inputs, NULL) == HeedStatusBadArgument);
  x.d_outputs.weights = NULL;
  CHECK(heed_scored_attention_backward(&x.shape, &x.inputs, &x.d_outputs, &g) == HeedStatusBadArgument);
  CHECK(is_poison(output, 36) && is_poison(gradient, 30));
  scored_free(&x);
}
