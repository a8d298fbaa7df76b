// Private: the table kernels of the losses (heed/loss.h).

#ifndef HEED_KERNELS_LOSS_H
#define HEED_KERNELS_LOSS_H

#include "heed/runtime.h"

// One row of a cross-entropy. Returns its value, and stores the gradient if it is asked for.
typedef struct HeedLossCrossEntropyRow {
  size_t classes;
  const float *logits;
  const float *probabilities; // soft targets, or null: hard
  size_t target;              // hard
  const float *class_weights; // or null: 1
  float label_smoothing;
  double factor;   // of the gradient
  float *d_logits; // or null; may be the logits
  // The next row, to be prefetched; or null.
  const float *next_logits, *next_d_logits;
} HeedLossCrossEntropyRow;

// One row of a distillation loss, whose value without T^2 is returned.
typedef struct HeedLossDistillationRow {
  size_t classes;
  const float *student, *teacher;
  float temperature;
  double factor;                // of the gradients of the logits over T
  float *d_student, *d_teacher; // or null
  float *scratch;               // 2 * classes
} HeedLossDistillationRow;

// A stretch of an elementwise loss: the sum of the losses is returned.
typedef struct HeedLossElements {
  size_t count;
  const float *input, *targets;
  float positive_weight;
  const float *factors; // of each element's gradient, or null: `factor`
  float factor;
  float *loss, *d_input; // or null
} HeedLossElements;

typedef struct HeedLossKernels {
  double (*cross_entropy_row)(const HeedLossCrossEntropyRow *row);
  double (*distillation_row)(const HeedLossDistillationRow *row);
  double (*binary_cross_entropy)(const HeedLossElements *elements);
  double (*squared_error)(const HeedLossElements *elements);
  // sum of a[i] b[i]
  float (*dot)(size_t count, const float *a, const float *b);
  // target <- (or +=) factor * x
  void (*scale)(size_t count, float factor, const float *x, bool add, float *target);
  // log(1 + e^x) and 1 / (1 + e^-x)
  void (*logistic)(size_t count, const float *x, float *softplus, float *sigmoid);
} HeedLossKernels;

#endif
