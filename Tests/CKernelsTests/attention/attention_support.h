// What the attention tests share: problems, the arms, and one run of an arm with everything around it watched.
//
// Every operand lies in a block of its own that ends at a protected page or begins at one (by the parity of the problem's stream), with
// NaN in all the floats between its rows; outputs are poisoned before and looked at after. So every test here is also a test of bounds.

#ifndef HEED_ATTENTION_SUPPORT_H
#define HEED_ATTENTION_SUPPORT_H

#include "harness.h"
#include "heed/attention.h"

// ---- Arms -------------------------------------------------------------------------------------------------------------------------------

typedef struct Arm {
  const char *name;
  HeedAttentionForward forward;
  bool gives_weights;
  bool is_measured; // held to the bounds of the engine's own kernels; the naive arm is what they are compared with
  bool like_tiled;  // gives the bits of the tiled arm
  bool is_decode;   // takes no dropout, no boolean and no additive mask, and columns of K and V only side by side
} Arm;

#define ARM_COUNT 5
extern const Arm arms[ARM_COUNT];
#define NAIVE_ARM (&arms[0])
#define TILED_ARM (&arms[2])

// ---- Problems ---------------------------------------------------------------------------------------------------------------------------

typedef enum Layout {
  LayoutContiguous,  // [B, heads, N, C]
  LayoutPadded,      // gaps after every row and every head
  LayoutTransposed,  // [B, heads, C, N]: the inner stride is not 1
  LayoutInterleaved, // [B, N, heads, C]
  LayoutPacked,      // q, k and v of a token beside each other in one buffer
  LayoutShared,      // stride 0 over batch and heads of keys, values and masks
  LayoutReversed,    // negative strides throughout
  LAYOUT_COUNT
} Layout;

typedef enum Family {
  FamilyNormal,
  FamilyUniform,    // [0, 1)
  FamilyIntegers,   // -3 ... 3
  FamilyLogits88,   // the largest scores near 88, where exp in float32 ends
  FamilyLogits150,  // and far beyond
  FamilyScaleUp,    // values times 2^60, queries 2^-60, keys 2^60
  FamilyScaleDown,  // values times 2^-60, queries 2^60, keys 2^-60
  FamilyCancelling, // pairs of terms that nearly cancel in every score and every output
  FamilyLargest,    // values as large as sums of 2048 of them allow, each row looking at one key
  FamilyDenormal,   // values that are denormal
  FamilyZeros,      // both zeros
  FamilyRising,     // the maximum rises with every key
  FamilyFalling,    // and falls
  FAMILY_COUNT
} Family;

enum {
  MaskNone = 0,
  MaskCausal = 1,
  MaskLengths = 2,
  MaskBoolean = 4,
  MaskAdditive = 8, // normal numbers, minus infinity here and there and in whole rows
  MaskLowest = 16,  // with MaskAdditive: -FLT_MAX instead of minus infinity
};

typedef struct Problem {
  size_t B, H, G, Nq, Nk, D, E;
  Layout layout;
  Family family;
  unsigned masks;
  ptrdiff_t causal_offset;
  size_t window; // with MaskCausal
  float scale;   // 0: 1 / sqrt(D)
  float dropout; // the probability
  uint64_t stream;
} Problem;

// A line that names the problem, in a buffer of the calling thread.
const char *describe(const Problem *problem);

// An array in its guarded block.
typedef struct Operand {
  size_t size[4]; // batch, heads, rows, columns
  HeedAttentionStrides strides;
  float *base; // element (0, 0, 0, 0)
} Operand;

#define BLOCKS 24

typedef struct Built {
  Problem problem;
  HeedAttentionShape shape;
  HeedAttentionInputs inputs;
  Operand query, key, value, additive;
  uint8_t *boolean; // element (0, 0, 0, 0)
  int64_t *lengths;
  Guarded blocks[BLOCKS];
  size_t block_count;
} Built;

Built build(const Problem *problem);
void built_free(Built *built);

// One more operand of the problem's batch, in a block of its own and all poison.
Operand build_operand(Built *built, Layout layout, size_t heads, size_t rows, size_t columns, bool may_share);

// Element (b, h, row, column) of an operand.
float *at(const Operand *operand, size_t b, size_t h, size_t row, size_t column);
// Whether row (b, h, i) may attend key j: the masks once more, written independently of the kernels.
bool row_sees(const Built *built, size_t b, size_t h, size_t i, size_t j);

// Whether the arm takes the problem; one that does not must refuse it.
bool arm_takes(const Arm *arm, const Built *built);
#define FOR_EACH_ARM(arm, built)                                                                                                           \
  for (const Arm *arm = arms; arm < arms + ARM_COUNT; arm++)                                                                               \
    if (arm_takes(arm, built))

// ---- Runs -------------------------------------------------------------------------------------------------------------------------------

typedef struct Result {
  HeedStatus status;
  float *output;      // [B, H, Nq, E], gathered to contiguous
  float *log_sum_exp; // [B, H, Nq]
  float *weights;     // [B, H, Nq, Nk], or null where they were not asked for
  size_t outputs, rows, weights_count;
} Result;

// Runs an arm into outputs of the problem's layout; checks that nothing but the outputs was written. `weights` also asks for those.
Result run_arm(const Arm *arm, const Built *built, bool weights);
void result_free(Result *result);
// Fails the test where two results differ in any bit.
void check_same_bits(const Arm *arm, const Built *built, const Result *a, const Result *b, const char *what);

typedef struct Oracle {
  double *output, *log_sum_exp, *weights;
  double largest_score; // of the scores before the additive mask where that holds -FLT_MAX
} Oracle;

Oracle run_oracle(const Built *built);
void oracle_free(Oracle *oracle);

// Checks one arm, or every arm, against the oracle within the bounds: N <= (4.5 + L/16 + D/128) eps, W <= (12 + 0.75 L) eps, or at most
// 1.5 times the naive arm's error; where the terms of a row cancel, its error relative to the sum of their magnitudes; log-sum-exp;
// weights; no -0.
void check_accuracy(const Arm *arm, const Built *built);
void check_problem(const Problem *problem);

#endif
