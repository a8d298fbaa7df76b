// What the tests of the conditional random field share: random problems, and the sums over all sequences of tags, one by one.

#ifndef HEED_CRF_SUPPORT_H
#define HEED_CRF_SUPPORT_H

#include <math.h>

#include "harness.h"
#include "heed/crf.h"

enum { CRF_BATCH = 4, CRF_TIME = 6, CRF_TAGS = 5, CRF_STEPS = CRF_BATCH * CRF_TIME, CRF_NUMBERS = CRF_STEPS * CRF_TAGS };

// A small problem, contiguous, with all its arrays.
typedef struct Problem {
  HeedCrfShape shape;
  HeedCrfInputs inputs;
  float emissions[CRF_NUMBERS], transitions[CRF_TAGS * CRF_TAGS], start[CRF_TAGS], end[CRF_TAGS], d_loss[CRF_BATCH];
  int64_t lengths[CRF_BATCH], targets[CRF_STEPS];
} Problem;

typedef enum ProblemKind {
  ProblemNormal,    // numbers of a trained model
  ProblemTies,      // small integers
  ProblemLarge,     // scores of some thousands: sums relative to the largest transition and prefix underflow
  ProblemForbidden, // a third of the transitions, a start and an end; a few emissions
  ProblemKinds,
} ProblemKind;

// Fills a problem of these sizes; sequences have random lengths, the first one all steps.
void crf_problem(Problem *p, ProblemKind kind, size_t batch, size_t time, size_t tags, uint64_t stream);

// What the formulas of crf.h give, summed over all sequences of tags. Reduction none.
typedef struct Truth {
  double loss[CRF_BATCH], score[CRF_BATCH], log_z[CRF_BATCH], best[CRF_BATCH];
  double marginals[CRF_NUMBERS], d_emissions[CRF_NUMBERS], d_transitions[CRF_TAGS * CRF_TAGS], d_start[CRF_TAGS], d_end[CRF_TAGS];
  int64_t path[CRF_STEPS];
} Truth;

void crf_brute_force(const Problem *p, Truth *truth);

// The outputs of all operations.
typedef struct Found {
  float loss[CRF_BATCH], score[CRF_BATCH], log_z[CRF_BATCH], best[CRF_BATCH];
  float marginals[CRF_NUMBERS], d_emissions[CRF_NUMBERS], d_transitions[CRF_TAGS * CRF_TAGS], d_start[CRF_TAGS], d_end[CRF_TAGS];
  int64_t path[CRF_STEPS];
} Found;

// Poisons the outputs and makes all three calls.
void crf_run(const Problem *p, Found *found);

#endif
