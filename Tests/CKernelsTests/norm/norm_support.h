// What the norm tests share: problems of every family of numbers, laid out in guarded memory with NaN between the rows.

#ifndef HEED_NORM_TEST_SUPPORT_H
#define HEED_NORM_TEST_SUPPORT_H

#include "harness.h"
#include "heed/norm.h"

typedef enum NormFamily {
  NormNormal,
  NormIntegers,
  NormOffset,       // a mean of 10^4 standard deviations
  NormFarOffset,    // of 10^6
  NormScaled,       // each row by a power of 2 from 2^-60 to 2^60
  NormOutlier,      // the first is 10^4 times the others
  NormStep,         // the first 300 lie 10^6 above the others
  NormBeyondOffset, // a mean of 10^7 standard deviations, where float32 has one number in 2
  NormConstant,     // no variance
  NormDenormal,
  NormLargest, // plus and minus the largest float among others
  NormWithNaN,
  NormWithInfinity,
  NORM_FAMILY_COUNT
} NormFamily;

// Matrices [rows, columns] contiguous; what is null is not there.
typedef struct NormProblem {
  HeedNormKind kind;
  size_t rows, columns;
  double epsilon;
  const float *input, *residual, *weight, *bias;
  const float *d_output, *d_sum;
  bool padded, reversed; // rows lie apart, backwards
} NormProblem;

// A row of a family.
void norm_fill_row(NormFamily family, Random *random, float *row, size_t columns);

// Runs forward; any of the results may be null. Fails where anything else was written.
void norm_run(const NormProblem *problem, float *output, float *sum, float *statistics);
// Runs backward from `input` and its statistics; any of the results may be null. `in_place`: the input gradient lies where the output
// gradient lay. `accumulate`: weight and bias gradients are added to what they hold.
void norm_run_backward(const NormProblem *problem, bool in_place, bool accumulate, float *d_input, float *d_weight, float *d_bias);

#endif
