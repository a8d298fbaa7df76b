// What the softmax tests share: matrices in guarded memory with NaN between their elements, and one run held against the reference.

#ifndef HEED_SOFTMAX_SUPPORT_H
#define HEED_SOFTMAX_SUPPORT_H

#include "harness.h"
#include "heed/softmax.h"

typedef enum SoftmaxLayout {
  SoftmaxContiguous,
  SoftmaxPadded,
  SoftmaxTransposed, // rows contiguous: a softmax along another axis
  SoftmaxSpread,     // neither
  SoftmaxReversed,
  SOFTMAX_LAYOUT_COUNT
} SoftmaxLayout;

typedef struct SoftmaxProblem {
  size_t rows, columns;
  SoftmaxLayout input_layout, output_layout;
  bool in_place, logarithm;
  float scale;
  const float *input;  // [rows, columns] contiguous
  const uint8_t *mask; // the same, or null
} SoftmaxProblem;

// Lays the problem out, runs the kernel and brings the answer into `result` [rows, columns]; fails where anything else was written.
void softmax_run(const SoftmaxProblem *problem, float *result);

// The reference's answer.
void softmax_expect(const SoftmaxProblem *problem, double *expected);

#endif
