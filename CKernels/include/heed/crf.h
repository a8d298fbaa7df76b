// A linear-chain conditional random field (CRF): the score of a sequence of tags under emissions and transitions, its negative
// log-likelihood with the gradients, the best sequence (Viterbi) and the marginals of single tags.
//
//   x = emissions [batch, time, tags],  A = transitions [tags, tags] (from, to),  s = start [tags],  e = end [tags],  T = lengths[b]
//
//   score(y)    = s[y_0] + sum_(t<T) x[t, y_t] + sum_(0<t<T) A[y_(t-1), y_t] + e[y_(T-1)]
//   log Z       = log sum over all tags^T sequences y of exp score(y)
//   loss        = log Z - score(targets) = -log p(targets)
//   p_t(j)      = sum over the sequences with y_t = j of exp(score(y) - log Z)                                          the marginals
//   gradients   d_emissions[t, j] = p_t(j) - [targets_t = j],  d_start = d_emissions[0, :],  d_end = d_emissions[T-1, :],
//               d_transitions[i, j] = sum_t (p(y_(t-1) = i, y_t = j) - [targets_(t-1) = i, targets_t = j])
//
// each times the factor of its reduction:
//
//   none        loss[b] for each sequence, gradients times d_loss[b]
//   sum         loss[0] = sum_b loss_b, gradients times d_loss[0]
//   mean        loss[0] = sum_b loss_b / batch, gradients times d_loss[0] / batch
//   token mean  loss[0] = sum_b loss_b / (sum_b T_b), gradients times d_loss[0] / (sum_b T_b)
//
// If d_loss is null, it is 1. A mean over nothing is 0, and so are its gradients. `start` and `end` may be null: 0 for every tag.
//
// Sources: Lafferty, McCallum and Pereira, "Conditional random fields: probabilistic models for segmenting and labeling sequence data"
// (2001); Rabiner, "A tutorial on hidden Markov models and selected applications in speech recognition" (1989), for the forward-backward
// and Viterbi algorithms. Scores have the meaning that they have in the package pytorch-crf.
//
// Lengths. Sequence b has lengths[b] steps (`time` if `lengths` is null). What stands past them has no effect, NaN and targets out of range
// included; d_emissions and marginals are 0 there, and paths are -1. A sequence of length 0 has loss, scores and log Z 0.
//
// Forbidden. A score of minus infinity forbids a transition, or that a sequence begins or ends with a tag, or a tag at a step. Nothing
// forbidden has a probability, a gradient (it is 0, in every case) or a part in a path. If `targets` take what is forbidden, their loss is
// infinite, and so is a sum or mean over it; the gradients stay those of the formulas, at what is not forbidden. If every sequence of tags
// is forbidden, log Z is minus infinity, the loss is infinite, and the gradients and marginals of the sequence are 0.
//
// Viterbi. The path is a sequence with the highest score. Where predecessors tie, the lowest tag wins, from the last step to the first.
// Scores are summed in float64 in the order of time: s + x_0, then per step + A, + x_t, at the end + e. If every sequence is forbidden,
// the score is minus infinity and the path is -1 throughout.
//
// NaN, or plus infinity, among the numbers that a sequence reads makes its loss, scores, log Z, gradients and marginals NaN and its path
// -1. A sequence of one step does not read the transitions, and one of none reads nothing.
//
// Numbers. All is computed in float64 and rounded once. Logarithms of sums are taken relative to the largest term: no size of scores
// overflows, or loses a term that counts. Errors, for scores of whole sequences below 2^20 in magnitude: 2 eps relative to
// max(1, |value|) for the loss, the scores and log Z; 2 eps absolute for marginals and for gradients per unit of their factor (of
// d_transitions, d_start and d_end: per step and sequence).
//
// Bits. The bits of a sequence's loss, path, marginals and d_emissions depend only on the sequence and its factor. The bits of
// sums over sequences (a reduced loss, d_transitions, d_start, d_end) depend on the sequences in their order. None depends on the number of
// threads, on padding or on the instruction set (exp and log are the C library's).
//
// Strides. Tags are contiguous (stride 1), other strides are free; those of outputs may not overlap. No output may overlap an input or
// another output.
//
// Time and memory. A sequence takes O(time tags^2), exponentials and logarithms only O(time tags) of it. Scratch in bytes: Viterbi 8 tags^2
// and, per worker, 8 time tags; loss and marginals 16 tags^2; with gradients or marginals, per worker, 16 time tags more, and for
// d_transitions, d_start and d_end 8 tags^2 and 24 tags^2 per worker more.
//
// Errors, checked before anything is written:
//   HeedStatusBadShape     a product of sizes overflows
//   HeedStatusBadStride    elements of an output overlap, a distance overflows
//   HeedStatusBadArgument  a null descriptor, or a null pointer where data is needed; a length outside [0, time]; a reduction that does not
//                          exist
//   HeedStatusBadIndex     one of `targets` within its sequence's length is not a tag
//   HeedStatusOutOfMemory  no scratch memory

#ifndef HEED_CRF_H
#define HEED_CRF_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum HEED_CLOSED HeedCrfReduction {
  HeedCrfReductionNone = 0,
  HeedCrfReductionMean,
  HeedCrfReductionSum,
  HeedCrfReductionTokenMean,
} HeedCrfReduction;

typedef struct HeedCrfShape {
  size_t batch, time, tags;
  ptrdiff_t emissions_batch, emissions_time, transitions_row;       // strides
  ptrdiff_t d_emissions_batch, d_emissions_time, d_transitions_row; // the first two are those of the marginals too
  HeedCrfReduction reduction;                                       // of the loss
  bool accumulate;                                                  // add to d_transitions, d_start and d_end ("Gradients" in runtime.h)
} HeedCrfShape;

typedef struct HeedCrfInputs {
  const float *emissions;   // [batch, time, tags]
  const float *transitions; // [tags, tags]: row from, column to
  const float *start, *end; // [tags], or null
  const int64_t *lengths;   // [batch], or null
  const int64_t *targets;   // [batch, time] of 0 ... tags-1, contiguous; only for the loss
  const float *d_loss;      // [batch] or [1], or null; only for the loss
} HeedCrfInputs;

// An output that is null is not computed.
typedef struct HeedCrfOutputs {
  float *loss;            // [batch] or [1]
  float *score;           // [batch], of the targets
  float *d_emissions;     // [batch, time, tags]
  float *d_transitions;   // [tags, tags]
  float *d_start, *d_end; // [tags]
} HeedCrfOutputs;

// The loss, the gradients, or both in one call.
HeedStatus heed_crf_loss(const HeedCrfShape *shape, const HeedCrfInputs *inputs, const HeedCrfOutputs *outputs);

// The best path of each sequence, [batch, time] contiguous, and its score, [batch]; one of them may be null.
HeedStatus heed_crf_decode(const HeedCrfShape *shape, const HeedCrfInputs *inputs, int64_t *path, float *score);

// The probability of each tag at each step, [batch, time, tags] with the strides of d_emissions, and log Z, [batch]; one of them may be
// null.
HeedStatus heed_crf_marginals(const HeedCrfShape *shape, const HeedCrfInputs *inputs, float *marginals, float *log_z);

// ---- The specification in code: scalar, float64, one thread ---------------------------------------------------------------------------
//
// Results are contiguous and overwrite. The checks are the same.
typedef struct HeedCrfReference {
  double *loss, *score, *d_emissions, *d_transitions, *d_start, *d_end;
} HeedCrfReference;

HeedStatus heed_crf_reference_loss(const HeedCrfShape *shape, const HeedCrfInputs *inputs, const HeedCrfReference *outputs);
HeedStatus heed_crf_reference_decode(const HeedCrfShape *shape, const HeedCrfInputs *inputs, int64_t *path, double *score);
HeedStatus heed_crf_reference_marginals(const HeedCrfShape *shape, const HeedCrfInputs *inputs, double *marginals, double *log_z);

#ifdef __cplusplus
}
#endif

#endif
