// Scores so large that float32 holds them, and the log-sum-exp of their row, to a few digits after the point.

#include <float.h>
#include <math.h>

#include "attention_backward_support.h"

// E = max |x - r| / max |r|.
static double worst(size_t count, const float *x, const double *r) {
  double error = 0, size = 0;
  for (size_t i = 0; i < count; i++) {
    error = fmax(error, fabs((double)x[i] - r[i]));
    size = fmax(size, fabs(r[i]));
  }
  return size > 0 ? error / size : error;
}

// Queries and additive masks so large that scores reach about `reach`.
static void enlarge(BackwardBuilt *built, float reach) {
  const Problem *p = &built->forward.problem;
  for (size_t b = 0; b < p->B; b++)
    for (size_t h = 0; h < p->H; h++)
      for (size_t i = 0; i < p->Nq; i++) {
        for (size_t d = 0; d < p->D; d++) *at(&built->forward.query, b, h, i, d) *= reach / 6;
        for (size_t j = 0; p->masks & MaskAdditive && j < p->Nk; j++) *at(&built->forward.additive, b, h, i, j) *= reach / 6;
      }
  run_forward(built);
}

// Whatever the size of the scores, only what is rounded after their row's maximum has been subtracted is lost: half an ulp of a score of
// 2500 would cost a weight 1e-4.
TEST(attention_large_scores_lose_nothing) {
  static const float reaches[] = {20, 100, 300, 2500};
  static const size_t dims[] = {1, 7, 32, 64, 140};
  for (size_t c = 0; c < 40; c++) {
    const float reach = reaches[c % 4];
    const Problem problem = {.B = 2,
                             .H = 6,
                             .G = c % 3 == 0 ? 2 : 6,
                             .Nq = 40,
                             .Nk = c % 2 ? 9 : 130,
                             .D = dims[c % 5],
                             .E = 24,
                             .layout = (Layout)(c % 3),
                             .masks = (c % 3 == 1 ? MaskAdditive : 0) | (c % 4 == 2 ? MaskCausal : 0),
                             .causal_offset = 3,
                             .stream = 9100 + c};
    BackwardBuilt built = build_backward(&(BackwardProblem){.forward = problem});
    enlarge(&built, reach);
    OracleGradients oracle = run_backward_oracle(&built);
    Gradients gradients = run_backward(TILED_BACKWARD, &built, WantAll);
    const double bound = 3e-6;
    for (int k = 0; k < GRADIENTS; k++) {
      const double error = worst(gradients.count[k], gradients.data[k], oracle.data[k]);
      CHECK_MESSAGE(error <= bound, "%s: E %.3g of %.3g, scores to %.0f: %s", gradient_names[k], error, bound, oracle.largest_score,
                    describe(&problem));
    }
    gradients_free(&gradients);
    oracle_gradients_free(&oracle);
    backward_free(&built);
  }
}

// A row whose log-sum-exp no float32 holds: from each forward arm to each backward arm.
TEST(attention_weights_of_saturated_rows) {
  BackwardBuilt built = build_backward(
      &(BackwardProblem){.forward = {.B = 1, .H = 1, .G = 1, .Nq = 1, .Nk = 2, .D = 2, .E = 2, .masks = MaskAdditive, .stream = 9200}});
  static const float lows[] = {-3.4e38f, -FLT_MAX, -1e30f, -1e9f, 1e9f};
  for (size_t l = 0; l < sizeof lows / sizeof *lows; l++) {
    for (size_t j = 0; j < 2; j++) *at(&built.forward.additive, 0, 0, 0, j) = lows[l];
    for (size_t d = 0; d < 2; d++) *at(&built.forward.query, 0, 0, 0, d) = 0, *at(&built.d_output, 0, 0, 0, d) = d ? 10 : 1;
    for (const Arm *forward = arms; forward < arms + ARM_COUNT; forward++) {
      if (!arm_takes(forward, &built.forward)) continue;
      const HeedAttentionOutputs outputs = {built.output.base, built.log_sum_exp, NULL};
      CHECK(forward->forward(&built.shape.forward, &built.forward.inputs, &outputs) == HeedStatusOk);
      FOR_EACH_BACKWARD_ARM(arm) {
        Gradients gradients = run_backward(arm, &built, WantAll);
        for (size_t i = 0; i < 4; i++)
          CHECK_MESSAGE(gradients.data[2][i] == (i % 2 ? 5 : 0.5f), "%s after %s, scores %g: dV %g", arm->name, forward->name,
                        (double)lows[l], (double)gradients.data[2][i]);
        gradients_free(&gradients);
      }
    }
  }
  backward_free(&built);
}
