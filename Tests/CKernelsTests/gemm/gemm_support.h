// What the matrix product tests share: operands in guarded memory with NaN between their elements, and one run held against the reference.

#ifndef HEED_GEMM_SUPPORT_H
#define HEED_GEMM_SUPPORT_H

#include "harness.h"
#include "heed/gemm.h"

typedef enum GemmLayout {
  GemmContiguous,
  GemmPadded,     // gaps after rows and batches
  GemmTransposed, // rows contiguous
  GemmTransposedPadded,
  GemmSpread,   // no dimension contiguous
  GemmReversed, // negative strides throughout
  GEMM_LAYOUT_COUNT,
  GemmShared = GEMM_LAYOUT_COUNT, // one matrix for the whole batch, for A and B
} GemmLayout;

typedef enum GemmFamily {
  GemmNormal,
  GemmUniform,    // [0, 1)
  GemmIntegers,   // -3 ... 3: sums are exact
  GemmCancelling, // neighbouring terms cancel but for a little
  GemmScaleUp,    // A times 2^60, B 2^-60
  GemmDenormal,   // products that are denormal
  GEMM_FAMILY_COUNT,
} GemmFamily;

typedef struct GemmCase {
  size_t batch, m, n, k;
  GemmLayout a, b, c;
  GemmFamily family;
  float alpha, beta;
} GemmCase;

typedef struct GemmOperand {
  Guarded block;
  float *first;
  size_t count; // floats in the block
  ptrdiff_t batch, row, column;
} GemmOperand;

typedef struct GemmProblem {
  GemmCase shape;
  GemmOperand a, b, c;
} GemmProblem;

// A variant of the product in float32; the engine is one.
typedef HeedStatus (*GemmVariant)(const HeedGemmShape *shape, const float *a, const float *b, float *c);

// Data depends on the stream, the element's place and nothing else: a problem with fewer rows or columns is a part of the larger one.
GemmProblem gemm_problem(GemmCase shape, uint64_t stream);
void gemm_problem_free(GemmProblem *problem);
HeedGemmShape gemm_shape(const GemmProblem *problem);
float *gemm_at(const GemmOperand *x, size_t batch, size_t row, size_t column);

// Runs a variant (or the engine) and copies C into `result` [batch, m, n]; fails where a float between the elements of C has changed.
void gemm_run_of(GemmVariant variant, GemmProblem *problem, float *result);
void gemm_run(GemmProblem *problem, float *result);

// Runs a variant (or the engine) and the reference; the largest |x - r| / (eps * sum |a||b|), with beta * C counted as a term; `result` may
// be null.
double gemm_error_of(GemmVariant variant, GemmProblem *problem, float *result);
double gemm_error(GemmProblem *problem, float *result);

// Rounds the operand's elements to bfloat16 in place and copies them, with the NaN between them, to a block of their own with the same
// strides. Returns the first element.
uint16_t *gemm_round_to_bf16(GemmOperand *x, uint64_t stream, Guarded *block);

// Copies C into `result` [batch, m, n] and poisons it; fails where a float between its elements has changed.
void gemm_take_result(GemmProblem *problem, float *result);

// "3 x 5 x 7, ..." for messages; static storage.
const char *gemm_describe(const GemmCase *shape);

#endif
