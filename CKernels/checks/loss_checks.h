// Private: the argument checks of every loss, and the factors that the reductions give to rows.

#ifndef HEED_LOSS_CHECKS_H
#define HEED_LOSS_CHECKS_H

#include <math.h>

#include "checks/array_checks.h"
#include "heed/loss.h"
#include "runtime/bad_index.h"

static inline bool heed_loss_is_reduction(HeedLossReduction r) { return (unsigned)r <= HeedLossReductionSum; }

// A matrix of contiguous rows, read, or written without overlap; null is fine where it is `optional`.
static inline HeedStatus heed_loss_check_matrix(size_t rows, size_t columns, ptrdiff_t row, const void *data, bool written, bool optional) {
  const HeedArray x = {2, {rows, columns}, {row, 1}};
  if (!heed_array_sizes_fit(&x)) return HeedStatusBadShape;
  if (!data) return optional || heed_array_is_empty(&x) ? HeedStatusOk : HeedStatusBadArgument;
  return heed_array_check(&x, written);
}

// The factor of row i's gradient. `count` is the divisor of a mean.
static inline double heed_loss_factor(HeedLossReduction reduction, const float *d_loss, size_t i, double count) {
  const double g = d_loss ? (double)d_loss[reduction == HeedLossReductionNone ? i : 0] : 1.0;
  if (reduction != HeedLossReductionMean) return g;
  return count == 0 ? 0.0 : g / count;
}

// The scalar that a sum or a mean is.
static inline double heed_loss_total(HeedLossReduction reduction, double sum, double count) {
  if (reduction != HeedLossReductionMean) return sum;
  return count == 0 ? 0.0 : sum / count;
}

static inline bool heed_loss_cross_entropy_ignores(const HeedLossCrossEntropyShape *s, const HeedLossCrossEntropyInputs *in, size_t i) {
  return s->ignores && in->targets && in->targets[i] == s->ignore_index;
}

static inline HeedStatus heed_loss_check_cross_entropy(const HeedLossCrossEntropyShape *s, const HeedLossCrossEntropyInputs *in,
                                                       const void *d_logits) {
  if (!s || !in || !heed_loss_is_reduction(s->reduction)) return HeedStatusBadArgument;
  if (!(s->label_smoothing >= 0.0f && s->label_smoothing <= 1.0f)) return HeedStatusBadArgument;
  HeedStatus status = heed_loss_check_matrix(s->rows, s->classes, s->logits_row, in->logits, false, false);
  if (status == HeedStatusOk)
    status = heed_loss_check_matrix(s->rows, s->classes, s->probabilities_row, in->target_probabilities, false, true);
  if (status == HeedStatusOk) status = heed_loss_check_matrix(s->rows, s->classes, s->d_logits_row, d_logits, true, true);
  if (status != HeedStatusOk || s->rows == 0) return status;
  if ((in->targets != NULL) == (in->target_probabilities != NULL)) return HeedStatusBadArgument;
  for (size_t i = 0; in->targets && i < s->rows; i++) {
    if (heed_loss_cross_entropy_ignores(s, in, i)) continue;
    if (in->targets[i] < 0 || (uint64_t)in->targets[i] >= s->classes) return heed_bad_index("targets", in->targets[i], i, s->classes);
  }
  return HeedStatusOk;
}

// The divisor of a mean.
static inline double heed_loss_cross_entropy_count(const HeedLossCrossEntropyShape *s, const HeedLossCrossEntropyInputs *in) {
  if (!in->targets) return (double)s->rows;
  double count = 0;
  for (size_t i = 0; i < s->rows; i++)
    if (!heed_loss_cross_entropy_ignores(s, in, i)) count += in->class_weights ? (double)in->class_weights[in->targets[i]] : 1.0;
  return count;
}

static inline HeedStatus heed_loss_check_distillation(const HeedLossDistillationShape *s, const HeedLossDistillationInputs *in,
                                                      const void *d_student, const void *d_teacher) {
  if (!s || !in || !heed_loss_is_reduction(s->reduction)) return HeedStatusBadArgument;
  if (!(s->temperature > 0.0f && isfinite(s->temperature))) return HeedStatusBadArgument;
  HeedStatus status = heed_loss_check_matrix(s->rows, s->classes, s->student_row, in->student, false, false);
  if (status == HeedStatusOk) status = heed_loss_check_matrix(s->rows, s->classes, s->teacher_row, in->teacher, false, false);
  if (status == HeedStatusOk) status = heed_loss_check_matrix(s->rows, s->classes, s->d_student_row, d_student, true, true);
  if (status == HeedStatusOk) status = heed_loss_check_matrix(s->rows, s->classes, s->d_teacher_row, d_teacher, true, true);
  return status;
}

static inline HeedStatus heed_loss_check_negative_sampling(const HeedLossNegativeSamplingShape *s,
                                                           const HeedLossNegativeSamplingInputs *in) {
  if (!s || !in || !heed_loss_is_reduction(s->reduction)) return HeedStatusBadArgument;
  const HeedArray occurrences = {2, {s->pairs, s->negatives + 1}, {0}};
  if (s->negatives == SIZE_MAX || !heed_array_sizes_fit(&occurrences)) return HeedStatusBadShape;
  const bool read = s->pairs > 0;
  HeedStatus status = heed_loss_check_matrix(s->center_rows, s->dim, s->center_row, in->center_table, false, !read);
  if (status == HeedStatusOk) status = heed_loss_check_matrix(s->context_rows, s->dim, s->context_row, in->context_table, false, !read);
  if (status != HeedStatusOk || !read) return status;
  if (!in->centers || !in->contexts || (!in->negatives && s->negatives > 0)) return HeedStatusBadArgument;
  status = heed_check_indices("centers", in->centers, s->pairs, s->center_rows);
  if (status == HeedStatusOk) status = heed_check_indices("contexts", in->contexts, s->pairs, s->context_rows);
  if (status == HeedStatusOk) status = heed_check_indices("negatives", in->negatives, s->pairs * s->negatives, s->context_rows);
  return status;
}

// The row of the context table that occurrence k of pair n is: the context, then the negatives.
static inline size_t heed_loss_negative_sampling_context(const HeedLossNegativeSamplingShape *s, const HeedLossNegativeSamplingInputs *in,
                                                         size_t n, size_t k) {
  return (size_t)(k == 0 ? in->contexts[n] : in->negatives[n * s->negatives + k - 1]);
}

static inline HeedStatus heed_loss_check_elementwise(const HeedLossElementwiseShape *s, const HeedLossElementwiseInputs *in) {
  if (!s || !in || !heed_loss_is_reduction(s->reduction)) return HeedStatusBadArgument;
  if (s->count > PTRDIFF_MAX / sizeof(double)) return HeedStatusBadShape;
  return s->count == 0 || (in->input && in->targets) ? HeedStatusOk : HeedStatusBadArgument;
}

#endif
