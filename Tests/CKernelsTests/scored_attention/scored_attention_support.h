// What the tests of additive and multiplicative attention share: problems in guarded memory with NaN between and behind what is seen, one
// run of both passes, and the reference's.

#ifndef HEED_SCORED_ATTENTION_SUPPORT_H
#define HEED_SCORED_ATTENTION_SUPPORT_H

#include "harness.h"
#include "heed/scored_attention.h"

typedef enum ScoredLayout {
  ScoredContiguous,
  ScoredPadded, // gaps after rows and sequences
  ScoredTransposed,
  ScoredReversed,
  ScoredShared, // one sequence for the whole batch, of keys and values
  SCORED_LAYOUT_COUNT
} ScoredLayout;

// The results, in one order everywhere.
typedef enum ScoredResult {
  ScoredOutput,
  ScoredWeights,
  ScoredQuery,
  ScoredKey,
  ScoredValue,
  ScoredWeight,
  ScoredQueryWeight,
  ScoredKeyWeight,
  ScoredScoreWeight,
  SCORED_RESULT_COUNT
} ScoredResult;

extern const char *const scored_result_names[SCORED_RESULT_COUNT];

typedef struct ScoredProblem {
  HeedScoredAttentionScore score;
  size_t B, N, T, Hq, Hk, E, A;
  bool lengths;  // else all T
  bool prepared; // keys, additive
  bool without_d_output, without_d_weights;
  bool accumulate;
  ScoredLayout layout;
  double scale; // of queries and keys; 0: 1
  uint64_t stream;
} ScoredProblem;

typedef struct ScoredOperand {
  Guarded block;
  float *first;
  size_t count;
  HeedScoredAttentionStrides strides;
} ScoredOperand;

typedef struct ScoredBuilt {
  ScoredProblem problem;
  HeedScoredAttentionShape shape;
  HeedScoredAttentionInputs inputs;
  HeedScoredAttentionOutputGradients d_outputs; // `weights` is the last forward pass's
  ScoredOperand query, key, value, d_output, weight, query_weight, key_weight, score_weight, d_weights, prepared;
  int64_t *lengths;
} ScoredBuilt;

// Data depends on the stream, the operand and the element's place alone; rows that are hidden hold NaN.
ScoredBuilt scored_build(const ScoredProblem *problem);
void scored_free(ScoredBuilt *built);
float *scored_at(const ScoredOperand *x, size_t b, size_t i, size_t j);

typedef struct ScoredResults {
  float *of[SCORED_RESULT_COUNT]; // contiguous; null: not wanted or the score has none
} ScoredResults;

size_t scored_result_count(const ScoredProblem *problem, ScoredResult result);
// The results that the problem's score has.
unsigned scored_all(const ScoredProblem *problem);

// Both passes; bit r of `wanted`: result r. The output is always computed, and weights are where a gradient is.
ScoredResults scored_run(ScoredBuilt *built, unsigned wanted);
void scored_results_free(ScoredResults *results);

// What gradients of weights begin with where they accumulate, at index i.
float scored_initial(size_t i);

// Holds results against the reference's: N of each at most `bound` eps.
void scored_check(ScoredBuilt *built, const ScoredResults *results, double bound);

// The number of bits' differences between what both hold.
void scored_check_same(const ScoredBuilt *built, const ScoredResults *a, const ScoredResults *b, const char *what);

#endif
