// Private: the forward and backward passes of a conditional random field over one sequence.

#ifndef HEED_CRF_LATTICE_H
#define HEED_CRF_LATTICE_H

#include "checks/crf_checks.h"

// What all sequences of a call share.
typedef struct HeedCrfModel {
  const HeedCrfShape *s;
  const HeedCrfInputs *in;
  bool transitions_are_sound;
  double highest;                    // transition
  const double *weights, *transpose; // exp(A - highest), [from, to] and [to, from]
} HeedCrfModel;

// One sequence. Rows of `tags` numbers; `alpha` and `scaled` have a row per step.
typedef struct HeedCrfLattice {
  size_t b, length;
  bool sound;    // it reads neither NaN nor plus infinity
  double log_z;  // NaN where it is not sound
  double *alpha; // log of the sum over the prefixes that end with a tag at a step; after the backward pass the marginals
  // Of the same row, exp(alpha - top): only where there is a backward pass. `top` is the row's largest alpha.
  double *scaled, *top;
  double *beta, *next, *next_scaled; // of the backward pass
  double *pairs;                     // [tags, tags] of products, or null where d_transitions is not wanted
} HeedCrfLattice;

// Bytes of the arrays of a model, and of a lattice.
size_t heed_crf_model_bytes(const HeedCrfShape *s);
size_t heed_crf_lattice_bytes(const HeedCrfShape *s, bool backward, bool pairs);

HeedCrfModel heed_crf_model(const HeedCrfShape *s, const HeedCrfInputs *in, void *room);

// Runs the forward pass. If there is no backward pass, `alpha` and `scaled` hold only two rows.
HeedCrfLattice heed_crf_forward(const HeedCrfModel *model, size_t b, bool backward, bool pairs, void *room);

// Turns alpha into marginals and, unless `expected` [tags, tags] is null, stores how often each transition is expected in the sequence.
void heed_crf_backward(const HeedCrfModel *model, HeedCrfLattice *x, double *expected);

static inline const float *heed_crf_emissions(const HeedCrfShape *s, const HeedCrfInputs *in, size_t b, size_t t) {
  return in->emissions + (ptrdiff_t)b * s->emissions_batch + (ptrdiff_t)t * s->emissions_time;
}

// Of a step of one sequence, for heed_parallel_width: tags^2 products of two float64 numbers, tags exponentials and logarithms, in plain C.
#define HEED_CRF_FLOPS_PER_PAIR 20.0
#define HEED_CRF_FLOPS_PER_TAG  400.0
static inline double heed_crf_flops(const HeedCrfShape *s) {
  const double K = (double)s->tags;
  return (double)s->batch * (double)s->time * K * (HEED_CRF_FLOPS_PER_PAIR * K + HEED_CRF_FLOPS_PER_TAG);
}

#endif
