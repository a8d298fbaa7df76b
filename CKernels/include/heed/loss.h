// Losses with their gradients: cross-entropy fused with softmax, distillation, negative sampling, binary cross-entropy with logits, mean
// squared error. All are float32. Values are summed in float64, in the order of rows (elements: in the order of blocks of HEED_LOSS_BLOCK).
//
// Every function computes the loss, the gradients, or both in one call: an output that is null is not computed. Reductions:
//
//   none   loss[i] for each row (element), gradients times d_loss[i]
//   sum    loss[0] = sum_i loss_i, gradients times d_loss[0]
//   mean   loss[0] = sum_i loss_i / count, gradients times d_loss[0] / count        (each loss says what it counts)
//
// If d_loss is null, it is 1. A mean over nothing (no rows, or all of them ignored) is 0, and so are its gradients. Losses and gradients
// overwrite, except that the gradients of negative sampling's tables may accumulate.
//
// Small numbers. In cross-entropy, distillation and negative sampling, numbers below 2^-126 in magnitude count as 0 and become 0. Otherwise
// the gradients of very improbable classes would be denormal, and some processors take a hundred times as long over denormals. The losses
// of elements keep denormals.
//
// Bits. The bits of a row's loss and gradient depend only on the row and its factor. The bits of a sum depend on the
// rows in their order. Neither depends on the number of threads.
//
// NaN in a row makes the row's loss and gradient NaN, and a sum or mean over the row.
//
// Strides. Rows are contiguous (column stride 1). The stride from row to row of an output is at least the row's length. A gradient may be
// stored in place of the logits it belongs to (same address and stride). No other output may overlap an input or another output.
//
// Errors, checked before anything is written:
//   HeedStatusBadShape     a product of sizes overflows
//   HeedStatusBadStride    rows of an output overlap, a distance overflows
//   HeedStatusBadArgument  a null descriptor, or a null pointer where data is needed; both kinds of targets or none; label_smoothing
//                          outside [0, 1]; a temperature that is not finite and above 0; a reduction that does not exist
//   HeedStatusBadIndex     one of `targets` is not a class and not ignored; one of `centers`, `contexts` or `negatives` is not a row of its
//                          table
//   HeedStatusOutOfMemory  no scratch memory

#ifndef HEED_LOSS_H
#define HEED_LOSS_H

#include "heed/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HEED_LOSS_BLOCK 16384 // elements per block, which is summed first and is one task

typedef enum HEED_CLOSED HeedLossReduction {
  HeedLossReductionNone = 0,
  HeedLossReductionMean,
  HeedLossReductionSum,
} HeedLossReduction;

// ---- Cross-entropy --------------------------------------------------------------------------------------------------------------------
//
//   p_i = softmax(logits_i),   s = label_smoothing,   C = classes,   w = class_weights (null: 1)
//     hard   loss_i = -(1 - s) w[y_i] log p_i[y_i] - s / C sum_c w[c] log p_i[c]         y = targets
//          an ignored row has loss and gradient 0, whatever its logits hold
//   soft   loss_i = -sum_c w[c] ((1 - s) t_i[c] + s / C) log p_i[c]                     t = target_probabilities, any numbers
//          a class whose w t is 0 takes no part in the sum, so that a logit of minus infinity may stand there
//     mean   the count is, for hard targets, sum_i w[y_i] over the rows that are not ignored; for soft ones, the number of rows
//
// As PyTorch's cross_entropy, except that a mean over nothing is 0 instead of NaN. A logit of minus infinity gives its class the
// probability 0; if that class is the target, the loss is infinite. A row of only minus infinities, or with plus infinity, is NaN.
// Accuracy: the gradient is within 4 eps of the row's factor, the loss within 2 eps of max(1, |logit - maximum|).
typedef struct HeedLossCrossEntropyShape {
  size_t rows, classes;
  ptrdiff_t logits_row, d_logits_row, probabilities_row; // strides
  bool ignores;                                          // leave out rows whose target is ignore_index (any number, in range or not)
  int64_t ignore_index;
  float label_smoothing;
  HeedLossReduction reduction;
} HeedLossCrossEntropyShape;

typedef struct HeedLossCrossEntropyInputs {
  const float *logits;               // [rows, classes]
  const int64_t *targets;            // [rows] of 0 ... classes-1, or null
  const float *target_probabilities; // [rows, classes], or null: exactly one of the two
  const float *class_weights;        // [classes], or null
  const float *d_loss;               // [rows] or [1], or null
} HeedLossCrossEntropyInputs;

typedef struct HeedLossCrossEntropyOutputs {
  float *loss;     // [rows] or [1], or null
  float *d_logits; // [rows, classes], or null
} HeedLossCrossEntropyOutputs;

HeedStatus heed_loss_cross_entropy(const HeedLossCrossEntropyShape *shape, const HeedLossCrossEntropyInputs *inputs,
                                   const HeedLossCrossEntropyOutputs *outputs);

// ---- Distillation ---------------------------------------------------------------------------------------------------------------------
//
//   q_i = softmax(teacher_i / T), p_i = softmax(student_i / T):   loss_i = T^2 sum_c q_i[c] (log q_i[c] - log p_i[c])       mean: over rows
//   gradients: student T (p - q), teacher T q (log q - log p - loss_i / T^2)
//
// Source: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (2015). Classes of q = 0 add 0.
typedef struct HeedLossDistillationShape {
  size_t rows, classes;
  ptrdiff_t student_row, teacher_row, d_student_row, d_teacher_row;
  float temperature;
  HeedLossReduction reduction;
} HeedLossDistillationShape;

typedef struct HeedLossDistillationInputs {
  const float *student, *teacher; // [rows, classes]
  const float *d_loss;
} HeedLossDistillationInputs;

typedef struct HeedLossDistillationOutputs {
  float *loss;
  float *d_student, *d_teacher; // [rows, classes], or null
} HeedLossDistillationOutputs;

HeedStatus heed_loss_distillation(const HeedLossDistillationShape *shape, const HeedLossDistillationInputs *inputs,
                                  const HeedLossDistillationOutputs *outputs);

// ---- Negative sampling ----------------------------------------------------------------------------------------------------------------
//
//   loss_n = -log sigmoid(v . u_0) - sum_{k >= 1} log sigmoid(-v . u_k)         mean: over pairs
//   v = center_table[centers[n]], u_0 = context_table[contexts[n]], u_k = context_table[negatives[n, k-1]]
//
// Source: Mikolov et al., "Distributed representations of words and phrases and their compositionality" (2013).
//
// Gradients are those of the tables. Each row of a gradient is the sum over the pairs that touch it, in order of pairs, in float64.
// Dense: the gradient is the whole table [rows, dim]. If `accumulate` is true, it is added to what the table holds ("Gradients" in
// runtime.h). Touched: only the rows that a pair touches are returned, their numbers in ascending order and their gradients one behind the
// other. They always overwrite. Scratch: pairs * (negatives + 2) * dim floats for both gradients.
typedef struct HeedLossNegativeSamplingShape {
  size_t pairs, negatives, dim;
  size_t center_rows, context_rows;  // of the tables
  ptrdiff_t center_row, context_row; // strides
  ptrdiff_t d_center_row, d_context_row;
  HeedLossReduction reduction;
  bool accumulate; // add to the dense gradients of the tables
} HeedLossNegativeSamplingShape;

typedef struct HeedLossNegativeSamplingInputs {
  const float *center_table, *context_table;     // [center_rows, dim], [context_rows, dim]; may be one table
  const int64_t *centers, *contexts, *negatives; // [pairs], [pairs], [pairs, negatives]
  const float *d_loss;
} HeedLossNegativeSamplingInputs;

// The gradient of one table. If `d_table` is null, it is not computed.
typedef struct HeedLossTableGradient {
  float *d_table;   // dense: [table rows, dim]; touched: room for [min(occurrences, table rows), dim]
  int64_t *touched; // null: dense; else receives the numbers of the rows, ascending; room for as many
  size_t *count;    // number of touched rows; written if `touched` is given
} HeedLossTableGradient;

typedef struct HeedLossNegativeSamplingOutputs {
  float *loss;
  HeedLossTableGradient d_center, d_context;
} HeedLossNegativeSamplingOutputs;

HeedStatus heed_loss_negative_sampling(const HeedLossNegativeSamplingShape *shape, const HeedLossNegativeSamplingInputs *inputs,
                                       const HeedLossNegativeSamplingOutputs *outputs);

// ---- Elementwise losses ---------------------------------------------------------------------------------------------------------------
//
//   binary cross-entropy with logits   loss_i = w t log(1 + e^-x) + (1 - t) (x + log(1 + e^-x)), w = positive_weight
//                                      = (1 - t) x + (1 + (w - 1) t) (max(-x, 0) + log(1 + e^-|x|))
//   mean squared error                 loss_i = (x - t)^2                                                 mean: over elements
//
// Arrays are contiguous and have `count` elements. Accuracy: 4 eps of the terms above; gradients 4 eps.
typedef struct HeedLossElementwiseShape {
  size_t count;
  float positive_weight; // only for binary cross-entropy
  HeedLossReduction reduction;
} HeedLossElementwiseShape;

typedef struct HeedLossElementwiseInputs {
  const float *input, *targets;
  const float *d_loss;
} HeedLossElementwiseInputs;

typedef struct HeedLossElementwiseOutputs {
  float *loss;    // [count] or [1], or null
  float *d_input; // [count], or null
} HeedLossElementwiseOutputs;

HeedStatus heed_loss_binary_cross_entropy(const HeedLossElementwiseShape *shape, const HeedLossElementwiseInputs *inputs,
                                          const HeedLossElementwiseOutputs *outputs);
HeedStatus heed_loss_squared_error(const HeedLossElementwiseShape *shape, const HeedLossElementwiseInputs *inputs,
                                   const HeedLossElementwiseOutputs *outputs);

// ---- The specification in code: scalar, float64, one thread ---------------------------------------------------------------------------
//
// Results are contiguous. The checks are the same. Gradients of tables are dense and overwrite.
HeedStatus heed_loss_reference_cross_entropy(const HeedLossCrossEntropyShape *shape, const HeedLossCrossEntropyInputs *inputs, double *loss,
                                             double *d_logits);
HeedStatus heed_loss_reference_distillation(const HeedLossDistillationShape *shape, const HeedLossDistillationInputs *inputs, double *loss,
                                            double *d_student, double *d_teacher);
HeedStatus heed_loss_reference_negative_sampling(const HeedLossNegativeSamplingShape *shape, const HeedLossNegativeSamplingInputs *inputs,
                                                 double *loss, double *d_center, double *d_context);
HeedStatus heed_loss_reference_binary_cross_entropy(const HeedLossElementwiseShape *shape, const HeedLossElementwiseInputs *inputs,
                                                    double *loss, double *d_input);
HeedStatus heed_loss_reference_squared_error(const HeedLossElementwiseShape *shape, const HeedLossElementwiseInputs *inputs, double *loss,
                                             double *d_input);

#ifdef __cplusplus
}
#endif

#endif
