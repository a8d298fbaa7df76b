// What the tests of attention backward share: problems of the forward tests with a gradient, and one run of an arm with everything around
// it watched.

#ifndef HEED_ATTENTION_BACKWARD_SUPPORT_H
#define HEED_ATTENTION_BACKWARD_SUPPORT_H

#include "attention_support.h"
#include "heed/attention.h"

typedef struct BackwardArm {
  const char *name;
  HeedAttentionBackward backward;
  bool is_measured; // held to the bounds of the engine's own kernels; the naive arm is what they are compared with
} BackwardArm;

#define BACKWARD_ARM_COUNT 3
extern const BackwardArm backward_arms[BACKWARD_ARM_COUNT];
#define NAIVE_BACKWARD             (&backward_arms[0])
#define TILED_BACKWARD             (&backward_arms[2])
#define FOR_EACH_BACKWARD_ARM(arm) for (const BackwardArm *arm = backward_arms; arm < backward_arms + BACKWARD_ARM_COUNT; arm++)

enum { WantQuery = 1, WantKey = 2, WantValue = 4, WantAdditive = 8, WantAll = 15 };
#define GRADIENTS 4

// Over which dimensions dA is summed.
enum { SumBatch = 1, SumHeads = 2, SumQueries = 4, SumKeys = 8 };

typedef struct BackwardProblem {
  Problem forward;
  Layout d_output;        // of dO; LayoutShared is a stride of 0 over batch, heads and rows
  Layout gradients;       // of dQ, dK and dV
  unsigned additive_sums; // of dA
} BackwardProblem;

typedef struct BackwardBuilt {
  Built forward;
  HeedAttentionBackwardShape shape;
  HeedAttentionBackwardInputs inputs;
  Operand d_output, output;
  float *log_sum_exp;
  unsigned additive_sums;
} BackwardBuilt;

// The problem and what its tiled forward pass gives.
BackwardBuilt build_backward(const BackwardProblem *problem);
// The forward pass again, after inputs have been changed.
void run_forward(BackwardBuilt *built);
void backward_free(BackwardBuilt *built);

// Gradients gathered to contiguous arrays: dQ, dK, dV and dA (what it is summed over has the size 1); null where they were not asked for.
typedef struct Gradients {
  HeedStatus status;
  float *data[GRADIENTS];
  size_t count[GRADIENTS], columns[GRADIENTS];
} Gradients;

extern const char *const gradient_names[GRADIENTS];

// Runs an arm into gradients in poisoned, guarded blocks; checks that nothing but them was written.
Gradients run_backward(const BackwardArm *arm, const BackwardBuilt *built, unsigned wanted);
void gradients_free(Gradients *gradients);
void check_same_gradients(const BackwardArm *arm, const BackwardBuilt *built, const Gradients *a, const Gradients *b, const char *what);

typedef struct OracleGradients {
  double *data[GRADIENTS];
  double *magnitude[GRADIENTS]; // the same sums over the magnitudes of their terms
  double largest_score;
} OracleGradients;

OracleGradients run_backward_oracle(const BackwardBuilt *built);
void oracle_gradients_free(OracleGradients *oracle);

// Every arm against the oracle: N <= (4 + L/6 + D/128) eps or 1.5 times the naive arm's error, or, where the terms of the sums cancel, that
// many eps of their magnitudes; no -0.
void check_backward(const BackwardProblem *problem);

#endif
