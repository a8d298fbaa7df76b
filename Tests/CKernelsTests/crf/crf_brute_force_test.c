// The conditional random field and its reference against the sums over all sequences of tags, for all sets of up to 5 tags and all lengths
// up to 6.

#include <string.h>

#include "crf_support.h"

// The largest |x - r| / max(least, |r|); infinite where NaN or infinities do not agree.
static double worst(const float *x, const double *r, size_t count, double least) {
  double most = 0;
  for (size_t i = 0; i < count; i++) {
    if ((double)x[i] == r[i] || (isnan(x[i]) && isnan(r[i]))) continue;
    const double error = fabs((double)x[i] - r[i]) / fmax(least, fabs(r[i]));
    if (!(error <= most)) most = isnan(error) ? INFINITY : error;
  }
  return most;
}

static void compare(const Problem *p, ProblemKind kind, const Found *found, const Truth *truth) {
  const size_t batch = p->shape.batch, steps = batch * p->shape.time, tags = p->shape.tags;
  const double of[] = {worst(found->loss, truth->loss, batch, 1),
                       worst(found->score, truth->score, batch, 1),
                       worst(found->log_z, truth->log_z, batch, 1),
                       worst(found->best, truth->best, batch, 1),
                       worst(found->marginals, truth->marginals, steps * tags, 1),
                       worst(found->d_emissions, truth->d_emissions, steps * tags, 3),
                       worst(found->d_transitions, truth->d_transitions, tags * tags, 3 * (double)steps),
                       worst(found->d_start, truth->d_start, tags, 3 * (double)batch),
                       worst(found->d_end, truth->d_end, tags, 3 * (double)batch)};
  static const char *const names[] = {"loss", "score", "log Z", "best", "marginals", "d_emissions", "d_transitions", "d_start", "d_end"};
  for (size_t i = 0; i < sizeof of / sizeof *of; i++)
    CHECK_MESSAGE(of[i] <= 2 * EPSILON, "%s, kind %d, %zu tags, %zu steps: %.2f eps", names[i], (int)kind, tags, p->shape.time,
                  of[i] / EPSILON);
  for (size_t i = 0; i < steps; i++)
    CHECK_MESSAGE(found->path[i] == truth->path[i], "path, kind %d, %zu tags, %zu steps: %lld and not %lld at %zu", (int)kind, tags,
                  p->shape.time, (long long)found->path[i], (long long)truth->path[i], i);
}

static void run_reference(const Problem *p, Found *found) {
  static double loss[CRF_BATCH], score[CRF_BATCH], log_z[CRF_BATCH], best[CRF_BATCH], marginals[CRF_NUMBERS], d_emissions[CRF_NUMBERS],
      d_transitions[CRF_TAGS * CRF_TAGS], d_start[CRF_TAGS], d_end[CRF_TAGS];
  const HeedCrfReference outputs = {loss, score, d_emissions, d_transitions, d_start, d_end};
  CHECK(heed_crf_reference_loss(&p->shape, &p->inputs, &outputs) == HeedStatusOk);
  CHECK(heed_crf_reference_decode(&p->shape, &p->inputs, found->path, best) == HeedStatusOk);
  CHECK(heed_crf_reference_marginals(&p->shape, &p->inputs, marginals, log_z) == HeedStatusOk);
  for (size_t i = 0; i < CRF_BATCH; i++)
    found->loss[i] = (float)loss[i], found->score[i] = (float)score[i], found->log_z[i] = (float)log_z[i], found->best[i] = (float)best[i];
  for (size_t i = 0; i < CRF_NUMBERS; i++) found->marginals[i] = (float)marginals[i], found->d_emissions[i] = (float)d_emissions[i];
  for (size_t i = 0; i < CRF_TAGS * CRF_TAGS; i++) found->d_transitions[i] = (float)d_transitions[i];
  for (size_t i = 0; i < CRF_TAGS; i++) found->d_start[i] = (float)d_start[i], found->d_end[i] = (float)d_end[i];
}

TEST(crf_equals_the_sums_over_all_sequences) {
  static Problem p;
  static Truth truth;
  static Found found;
  for (size_t tags = 1; tags <= CRF_TAGS; tags++)
    for (size_t time = 0; time <= CRF_TIME; time++)
      for (int kind = 0; kind < ProblemKinds; kind++)
        for (uint64_t repeat = 0; repeat < 3; repeat++) {
          crf_problem(&p, (ProblemKind)kind, CRF_BATCH, time, tags, ((tags * 10 + time) * 10 + (uint64_t)kind) * 10 + repeat);
          crf_brute_force(&p, &truth);
          crf_run(&p, &found);
          compare(&p, (ProblemKind)kind, &found, &truth);
          run_reference(&p, &found);
          compare(&p, (ProblemKind)kind, &found, &truth);
        }
}

// Sums and means are those of the losses of the sequences, and their gradients' factors follow.
TEST(crf_reductions) {
  static Problem p, each;
  static Truth truth;
  static Found found;
  crf_problem(&p, ProblemNormal, CRF_BATCH, CRF_TIME, CRF_TAGS, 1);
  double steps = 0;
  for (size_t b = 0; b < CRF_BATCH; b++) steps += (double)p.lengths[b];
  const struct {
    HeedCrfReduction reduction;
    double count;
  } all[] = {{HeedCrfReductionSum, 1}, {HeedCrfReductionMean, CRF_BATCH}, {HeedCrfReductionTokenMean, steps}};
  for (size_t i = 0; i < 3; i++) {
    p.shape.reduction = all[i].reduction;
    crf_run(&p, &found);
    each = p;
    for (size_t b = 0; b < CRF_BATCH; b++) each.d_loss[b] = p.d_loss[0];
    crf_brute_force(&each, &truth);
    double sum = 0;
    for (size_t b = 0; b < CRF_BATCH; b++) sum += truth.loss[b] / all[i].count;
    for (size_t j = 0; j < CRF_NUMBERS; j++) truth.d_emissions[j] /= all[i].count;
    for (size_t j = 0; j < CRF_TAGS * CRF_TAGS; j++) truth.d_transitions[j] /= all[i].count;
    CHECK(worst(found.loss, &sum, 1, 1) <= 2 * EPSILON);
    CHECK(worst(found.d_emissions, truth.d_emissions, CRF_NUMBERS, 1) <= 2 * EPSILON);
    CHECK(worst(found.d_transitions, truth.d_transitions, CRF_TAGS * CRF_TAGS, CRF_STEPS) <= 2 * EPSILON);
    // A mean over nothing.
    memset(p.lengths, 0, sizeof p.lengths);
    crf_run(&p, &found);
    CHECK(found.loss[0] == 0 && found.d_transitions[0] == 0 && found.d_emissions[0] == 0 && found.d_start[0] == 0);
    p.shape.batch = 0;
    crf_run(&p, &found);
    CHECK(found.loss[0] == 0 && found.d_transitions[0] == 0 && found.d_start[0] == 0);
    crf_problem(&p, ProblemNormal, CRF_BATCH, CRF_TIME, CRF_TAGS, 1);
  }
}
